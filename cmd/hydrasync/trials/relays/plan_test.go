package relays

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestPlansAreEditedWhileFilesChange: registry, capitol, a relay and cities are
// machines of their own. In the end every replica of the last plan is what that
// plan says, and who was taken out of it stands still and has what it had.
func TestPlansAreEditedWhileFilesChange(t *testing.T) {
	w := newWorld(t)
	w.churn(60)
	capitol, registry, relay := w.capitol(), w.machine("registry"), w.machine("relay")
	cities := []*machine{w.machine("mill"), w.machine("barn")}
	follow := fmt.Sprintf("[registry]\nfrom = \"ws://%s\"\n", registry.addr)
	relay.write("[serve]\n" + follow)
	for _, c := range cities {
		c.write(follow)
	}
	p := &draft{w: w, capitol: capitol, relay: relay, cities: cities, blocks: map[string]block{}}
	registry.write("[serve]\n" + p.text())
	for _, m := range w.machines {
		m.start()
	}
	down := false
	for range stand.Size(10, 40, 400) {
		w.churn(10)
		switch w.rng.IntN(5) {
		case 0:
			if down = !down; down {
				registry.process.Kill()
			} else {
				registry.start()
			}
		case 1:
			m := append([]*machine{relay}, cities...)[w.rng.IntN(3)]
			m.process.Kill()
			m.start()
		default:
			to := p.edit()
			registry.write("[serve]\n" + p.text())
			if b, ok := p.blocks[to]; ok && !down && w.rng.IntN(3) == 0 {
				w.equal(to, b.subDirs...)
			}
		}
	}
	if down {
		registry.start()
	}
	w.equal(relay.home("t"))
	for to, b := range p.blocks {
		w.equal(to, b.subDirs...)
	}
	for to := range p.gone {
		if _, now := p.blocks[to]; !now {
			w.resting(to)
		}
	}
}

// draft is a plan on its way.
type draft struct {
	w              *world
	capitol, relay *machine
	cities         []*machine
	blocks         map[string]block // by directory
	gone           map[string]bool
}

type block struct {
	city    *machine
	subDirs []string
	more    string
}

func (p *draft) edit() (to string) {
	rng := p.w.rng
	c := p.cities[rng.IntN(len(p.cities))]
	to = c.home(fmt.Sprint("r", rng.IntN(3)))
	if _, ok := p.blocks[to]; ok && rng.IntN(3) == 0 {
		delete(p.blocks, to)
		if p.gone == nil {
			p.gone = map[string]bool{}
		}
		p.gone[to] = true
		return to
	}
	b := block{city: c}
	for _, d := range topDirs {
		if rng.IntN(2) == 0 {
			b.subDirs = append(b.subDirs, d)
		}
	}
	if len(b.subDirs) == len(topDirs) {
		b.subDirs = nil
	}
	b.more = []string{"", `limit = "20MiB/s"`, `trash = "1h"`}[rng.IntN(3)]
	p.blocks[to] = b
	return to
}

func (p *draft) text() string {
	var text strings.Builder
	text.WriteString(highway(p.relay.home("t"), []string{p.capitol.url("t")}, `city = "relay"`, "serve = true"))
	for to, b := range p.blocks {
		lines := []string{fmt.Sprintf("city = %q", b.city.name), b.more}
		if len(b.subDirs) > 0 {
			lines = append(lines, fmt.Sprintf("sub_dirs = [%s]", `"`+strings.Join(b.subDirs, `", "`)+`"`))
		}
		text.WriteString(highway(to, []string{p.relay.url("t"), p.capitol.url("t")}, lines...))
	}
	return text.String()
}

// resting: nobody runs it any more. What it has is kept.
func (w *world) resting(to string) {
	w.t.Helper()
	if _, err := os.Stat(to); os.IsNotExist(err) {
		return // it came and went between two looks
	}
	w.until(to+" to be left alone", func() string {
		state, err := os.Open(filepath.Join(to, ".hydrasync"))
		if err != nil {
			return err.Error()
		}
		defer state.Close()
		// A socket that a kill left behind refuses. Its path may be too long for the kernel.
		c, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/admin.sock", state.Fd()))
		if err == nil {
			c.Close()
			return "somebody answers for it"
		}
		return ""
	})
}
