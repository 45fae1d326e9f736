package stream

import (
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// Who has something would lose what a comparison leaves out.
func TestOnlyACityThatHasNothingIsNotNamedWhatIsNewer(t *testing.T) {
	for name, row := range map[string]struct {
		hello Hello
		named bool
	}{
		"nothing":                  {Hello{}, false},
		"content":                  {Hello{HasContent: true}, true},
		"a position of other life": {Hello{Position: journal.Position{Epoch: journal.Epoch{7}, Seq: 3}}, true},
		"both":                     {Hello{HasContent: true, Position: journal.Position{Epoch: journal.Epoch{7}, Seq: 3}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db"), Role: journal.Capitol})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			add := func(n journal.Node) {
				if _, err := j.Append(t.Context(), []journal.Change{{Node: n}}); err != nil {
					t.Fatal(err)
				}
			}
			add(journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755})
			f := feeder{subscription: &subscription{tree: &tree{Tree: Tree{Journal: j}}, terms: terms{hello: row.hello}}}
			told := map[journal.NodeID]bool{}
			for read, late := f.everything(), j.NewID(); ; {
				chunk, err := read.Next(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range chunk.Entries {
					told[e.Change.Node.ID] = true
				}
				if chunk.Done {
					if !told[journal.Root] || told[late] != row.named {
						t.Errorf("told %v: what came meanwhile has id %d, want it named: %v", told, late, row.named)
					}
					return
				}
				add(journal.Node{ID: late, Parent: journal.Root, Name: "late", Kind: journal.File})
			}
		})
	}
}
