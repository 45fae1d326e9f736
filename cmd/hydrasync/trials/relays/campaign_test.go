package relays

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestCampaignNetwork: machines in networks of their own, cities behind firewalls that let nobody in, all
// joined by codes. Files change while cables are cut, machines killed and the plan is edited.
// In the end every tree is what its source is, and nothing outside of a grant or a
// root was read or written.
func TestCampaignNetwork(t *testing.T) {
	n := newNetwork(t, stand.Size(1, 2, 3), stand.Size(3, 6, 12))
	if reaches(t, n.sources[0].capitol, n.cities[0]) || !reaches(t, n.cities[0], n.sources[0].capitol) {
		t.Fatal("the firewall is none, or one for both ways: the trial is broken")
	}
	wires := []*tripwire{newTripwire(t, n.outside)}
	steps := stand.Size(12, 40, 600)
	for range steps {
		n.step()
	}
	n.heal()
	n.settled()
	n.nothingLeaked()
	for _, w := range wires {
		w.untouched(t)
	}
	for _, m := range n.machines {
		m.process.Stop(t)
		if out := m.process.Printed(); strings.Contains(out, "panic:") || strings.Contains(out, "DATA RACE") {
			t.Errorf("%s printed:\n%s", m.name, m.process.Tail())
		}
	}
	t.Logf("campaign network: %d machines, %d steps, %d replicas equal, %d left alone", len(n.machines), steps, len(n.roads)+len(n.relays), len(n.gone))
}

// step does one thing to the network while files change.
func (n *network) step() {
	n.t.Helper()
	for _, s := range n.sources {
		n.churnIn(s.dir, 10)
	}
	m := n.machines[n.rng.IntN(len(n.machines))]
	switch n.rng.IntN(8) {
	case 0, 1:
		if n.cut[m] = !n.cut[m]; n.cut[m] {
			n.wan.cut(m)
		} else {
			n.wan.mend(m)
		}
	case 2, 3:
		if n.dead[m] = !n.dead[m]; n.dead[m] {
			m.process.Kill()
		} else {
			m.start()
		}
	case 4:
		n.mayNot()
	default:
		n.edit()
	}
	time.Sleep(time.Duration(n.rng.IntN(300)) * time.Millisecond) // so that things begin before the next one
}

// edit changes one highway of the plan.
func (n *network) edit() {
	n.t.Helper()
	c := n.cities[n.rng.IntN(len(n.cities))]
	to := c.home(fmt.Sprint("r", n.rng.IntN(3)))
	if _, ok := n.roads[to]; ok && n.rng.IntN(3) == 0 {
		delete(n.roads, to)
		n.gone[to] = true
		n.tellPlan()
		return
	}
	r := road{city: c, source: n.rng.IntN(len(n.sources))}
	for _, d := range topDirs {
		if n.rng.IntN(2) == 0 {
			r.subDirs = append(r.subDirs, d)
		}
	}
	if c == n.narrow {
		r.source, r.subDirs = 0, []string{"a"}
	}
	if old, ok := n.roads[to]; ok {
		r.source = old.source // a directory is one tree's for its life
	} else if n.gone[to] {
		return
	}
	n.roads[to] = r
	n.tellPlan()
}

// heal makes all machines run, and reach each other.
func (n *network) heal() {
	n.t.Helper()
	for _, m := range n.machines {
		if n.cut[m] {
			n.wan.mend(m)
		}
		if n.dead[m] {
			m.start()
		}
	}
	clear(n.cut)
	clear(n.dead)
}

// settled waits until every replica is what the plan says, and who was taken out of it stands still.
func (n *network) settled() {
	n.t.Helper()
	for _, r := range n.relays {
		n.equalTo(n.sources[0].dir, r.home("t"))
	}
	for to, r := range n.roads {
		n.equalTo(n.sources[r.source].dir, to, r.subDirs...)
	}
	for to := range n.gone {
		n.resting(to)
	}
}

// nothingLeaked: the narrow city has nothing of what it may not have, in no file of its own.
func (n *network) nothingLeaked() {
	n.t.Helper()
	searched := 0
	search := func(home string) (found []string) {
		_ = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // files come and go
			}
			if strings.Contains(d.Name(), canary) {
				found = append(found, path)
			}
			if d.Type().IsRegular() {
				searched++
				if b, _ := os.ReadFile(path); bytes.Contains(b, []byte(canary)) && !slices.Contains(found, path) {
					found = append(found, path)
				}
			}
			return nil
		})
		return found
	}
	if found := search(n.narrow.home("")); len(found) > 0 {
		n.t.Errorf("the narrow city has what it may not have: %q", found)
	}
	if found := search(n.relays[0].home("")); len(found) < 2 || searched < 10 {
		n.t.Errorf("the relay, which may have it, has it in %q; %d files searched: the search is broken", found, searched)
	}
}
