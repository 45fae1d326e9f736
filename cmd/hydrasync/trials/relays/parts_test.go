package relays

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestPartsOfATreeStayInStep: cities have parts of a tree, from a relay and from its capitol, and
// directories go from one part to another while everybody is killed now and then. No city
// ever finds that it is not what its source says: that would be mended by a comparison, and be a bug.
func TestPartsOfATreeStayInStep(t *testing.T) {
	w := newWorld(t)
	w.churn(60)
	capitol, relay := w.capitol(), w.machine("relay")
	capitol.start()
	relay.write("[serve]\n" + highway(relay.home("t"), []string{capitol.url("t")}, "serve = true", `max_delete = "100%"`))
	relay.start()
	w.equal(relay.home("t"))
	parts := [][]string{{"a"}, {"c"}, {"a", "b"}, {"b", "c"}}
	var cities []*machine
	for i, p := range parts {
		m, from := w.machine(fmt.Sprint("city", i)), []*machine{relay, capitol}[i/3]
		m.write(highway(m.home("r"), []string{from.url("t")}, fmt.Sprintf("sub_dirs = [%q]", p[0]), `max_delete = "100%"`))
		if len(p) > 1 {
			m.write(highway(m.home("r"), []string{from.url("t")}, fmt.Sprintf("sub_dirs = [%q, %q]", p[0], p[1]), `max_delete = "100%"`))
		}
		m.start()
		cities = append(cities, m)
		w.equal(m.home("r"), p...)
	}
	for range stand.Size(25, 60, 1000) {
		m := append(cities[:len(cities):len(cities)], relay, relay, relay, capitol)[w.rng.IntN(len(cities)+4)]
		m.process.Kill()
		w.churn(30)
		m.start()
		k := w.rng.IntN(len(cities))
		w.equal(cities[k].home("r"), parts[k]...)
	}
	for i, c := range cities {
		w.equal(c.home("r"), parts[i]...)
		if strings.Contains(c.process.Printed(), "the trees differ") {
			t.Errorf("%s has been out of step:\n%s", c.name, c.process.Tail())
		}
	}
}
