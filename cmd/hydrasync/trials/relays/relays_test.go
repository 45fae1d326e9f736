package relays

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// capitol watches the source.
func (w *world) capitol() *machine {
	m := w.machine("capitol")
	m.write(fmt.Sprintf("[serve]\n[[tree]]\nname = \"t\"\ndir = %q\n", w.src))
	return m
}

// highway is a block of a config file; more are lines of it.
func highway(to string, from []string, more ...string) string {
	for i := range from {
		from[i] = fmt.Sprintf("%q", from[i])
	}
	return fmt.Sprintf("[[highway]]\nfrom = [%s]\nto = %q\n%s\n", strings.Join(from, ", "), to, strings.Join(more, "\n"))
}

func TestAChainOfFiveConvergesWhoeverIsKilled(t *testing.T) {
	w := newWorld(t)
	w.churn(60)
	above := w.capitol()
	above.start()
	var chain []*machine
	for i := range 5 {
		m := w.machine(fmt.Sprint("relay", i))
		m.write("[serve]\n" + highway(m.home("t"), []string{above.url("t")}, "serve = true"))
		m.start()
		chain, above = append(chain, m), m
	}
	for range stand.Size(6, 20, 200) {
		w.churn(20)
		m := chain[w.rng.IntN(len(chain))]
		switch w.rng.IntN(3) {
		case 0:
			m.process.Kill()
			w.churn(20)
			m.start()
		case 1:
			w.equal(chain[len(chain)-1].home("t"))
		}
	}
	for _, m := range chain {
		w.equal(m.home("t"))
	}
	for _, m := range chain {
		m.process.Stop(t)
	}
}

// TestATreeOfRelays: every city has a relay, another one and the capitol to come
// from; relays are killed and come back while files change.
func TestATreeOfRelays(t *testing.T) {
	w := newWorld(t)
	relays, cities, perMachine := stand.Size(2, 4, 10), stand.Size(6, 20, 100), 10
	w.churn(80)
	capitol := w.capitol()
	capitol.start()
	var at []*machine
	for i := range relays {
		m := w.machine(fmt.Sprint("relay", i))
		m.write("[serve]\n" + highway(m.home("t"), []string{capitol.url("t")}, "serve = true"))
		m.start()
		at = append(at, m)
	}
	var replicas []string
	for i := 0; i < cities; i += perMachine {
		m := w.machine(fmt.Sprint("cities", i))
		var text strings.Builder
		for j := i; j < min(i+perMachine, cities); j++ {
			to := m.home(fmt.Sprint("city", j))
			replicas = append(replicas, to)
			text.WriteString(highway(to, []string{at[j%relays].url("t"), at[(j+1)%relays].url("t"), capitol.url("t")}))
		}
		m.write(text.String())
		m.start()
	}
	began := time.Now()
	for range stand.Size(4, 10, 60) {
		m := at[w.rng.IntN(len(at))]
		m.process.Kill()
		w.churn(30)
		w.equal(replicas[w.rng.IntN(len(replicas))]) // without that relay
		m.start()
		w.churn(30)
	}
	for _, to := range replicas {
		w.equal(to)
	}
	for _, m := range at {
		w.equal(m.home("t"))
	}
	t.Logf("%d cities under %d relays, %v", cities, relays, time.Since(began).Round(time.Second))
}
