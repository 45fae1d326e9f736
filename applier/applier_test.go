package applier_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// TestASetOfStatesBecomesTheTree walks through every kind of change that a tree
// can see; each step is one set.
func TestASetOfStatesBecomesTheTree(t *testing.T) {
	type ids map[string]journal.NodeID
	const root = journal.Root
	steps := []struct {
		name   string
		change func(c *capitol, id ids)
	}{
		{"a first copy", func(c *capitol, id ids) {
			id["a"] = c.dir(root, "a")
			id["a/b"] = c.dir(id["a"], "b")
			id["f"] = c.file(id["a/b"], "f", "hello")
			id["big"] = c.file(id["a"], "big", strings.Repeat("0123456789abcdef", 20_000))
			id["empty"] = c.file(root, "empty", "")
			id["ln"] = c.link(id["a"], "ln", "../../outside")
			id["x"], id["y"] = c.file(root, "x", "xxx"), c.file(root, "y", "yyy")
		}},
		{"a file is rewritten", func(c *capitol, id ids) { c.write(id["f"], "goodbye") }},
		{"a mode and an owner change", func(c *capitol, id ids) {
			c.edit(id["f"], func(n *journal.Node) { n.Mode, n.UID = 0o600, 7 })
			c.edit(id["a/b"], func(n *journal.Node) { n.Mode = 0o2770 })
			c.edit(id["ln"], func(n *journal.Node) { n.UID, n.MTime.Sec = 8, 5 })
		}},
		{"a directory moves", func(c *capitol, id ids) { c.move(id["a/b"], root, "bb") }},
		{"two names swap", func(c *capitol, id ids) { c.move(id["x"], root, "y"); c.move(id["y"], root, "x") }},
		{"three names go round", func(c *capitol, id ids) {
			c.move(id["x"], root, "x")
			c.move(id["y"], root, "empty")
			c.move(id["empty"], root, "y")
		}},
		{"a directory moves beneath its former child", func(c *capitol, id ids) {
			c.move(id["a/b"], id["a"], "b")
			id["c"] = c.dir(id["a/b"], "c")
		}},
		{"and turns inside out", func(c *capitol, id ids) {
			c.move(id["a/b"], root, "a")
			c.move(id["a"], id["a/b"], "b")
		}},
		{"a file becomes a directory", func(c *capitol, id ids) {
			c.remove(id["x"])
			id["x"] = c.dir(root, "x")
			c.file(id["x"], "inner", "1")
		}},
		{"and a link, under the same id", func(c *capitol, id ids) {
			c.edit(id["y"], func(n *journal.Node) {
				n.Kind, n.Mode, n.Body, n.Target = journal.Symlink, 0o777, journal.Content{}, "x"
			})
		}},
		{"a directory becomes a file while its child moves out", func(c *capitol, id ids) {
			c.move(id["c"], root, "c")
			c.remove(id["x"])
			c.file(root, "x", "again a file")
		}},
		{"a new directory takes the name of the one that moves into it", func(c *capitol, id ids) {
			id["new"] = c.dir(root, "c")
			c.move(id["c"], id["new"], "old")
		}},
		{"a chain of names", func(c *capitol, id ids) {
			c.move(id["empty"], id["new"], "2")
			c.move(id["y"], root, "y")
			c.file(root, "empty", "after the chain")
		}},
		{"hard links appear", func(c *capitol, id ids) {
			g := c.next
			c.next++
			c.edit(id["f"], func(n *journal.Node) { n.Link = g })
			n := c.nodes[id["f"]]
			n.ID, n.Parent, n.Name = 0, root, "f2"
			id["f2"] = c.put(n)
			n.ID, n.Name = 0, "f3"
			id["f3"] = c.put(n)
		}},
		{"one of them moves, all are rewritten", func(c *capitol, id ids) {
			c.move(id["f3"], root, "f4")
			body := c.content(c.nodes[id["f"]].Body, "together")
			for _, f := range []string{"f", "f2", "f3"} {
				c.edit(id[f], func(n *journal.Node) { n.Body = body })
			}
		}},
		{"one of them leaves", func(c *capitol, id ids) {
			c.edit(id["f2"], func(n *journal.Node) { n.Link = 0 })
		}},
		{"a directory, its child, and a file", func(c *capitol, id ids) {
			id["p"] = c.dir(root, "p")
			id["p/q"] = c.dir(id["p"], "q")
			id["n"] = c.file(root, "n", "makes way")
		}},
		{"the child takes the name of the file, which goes with the directory", func(c *capitol, id ids) {
			c.move(id["p/q"], root, "n")
			c.remove(id["n"])
			c.remove(id["p"])
		}},
		{"everything moves and half goes", func(c *capitol, id ids) {
			c.move(id["big"], root, "big2")
			c.remove(id["a/b"])
		}},
	}
	for _, trash := range []string{"on", "off"} {
		t.Run("trash "+trash, func(t *testing.T) {
			dir := t.TempDir()
			a := city(t, dir, withTrash(trash))
			c, id := newCapitol(), ids{}
			for _, s := range steps {
				s.change(c, id)
				set := c.set()
				mustApply(t, a, set, c)
				c.equal(t, dir)
				healthy(t, a, dir)
				before := inode(t, dir)
				mustApply(t, a, set, nil) // again: nothing changes, nothing is fetched
				c.equal(t, dir)
				if inode(t, dir) != before || t.Failed() {
					t.Fatalf("after %q", s.name)
				}
			}
		})
	}
}

func TestAMovedDirectoryCostsNothingBeneathIt(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	for i := range 50 {
		c.file(d, string(rune('A'+i)), "body")
	}
	mustApply(t, a, c.set(), c)
	before := inode(t, filepath.Join(dir, "d", "A"))
	c.move(d, journal.Root, "e")
	mustApply(t, a, c.set(), nil)
	c.equal(t, dir)
	if got := inode(t, filepath.Join(dir, "e", "A")); got != before {
		t.Errorf("a file beneath the moved directory was made anew: inode %d, was %d", got, before)
	}
}

func TestALostJournalAdoptsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	c.file(d, "f", strings.Repeat("large", 10_000))
	c.file(d, "g", "small")
	c.link(d, "l", "f")
	a := city(t, dir)
	mustApply(t, a, c.set(), c)
	a.Close()
	if err := os.RemoveAll(filepath.Join(dir, ".hydrasync")); err != nil {
		t.Fatal(err)
	}
	c.fetched.Store(0)
	before := inode(t, filepath.Join(dir, "d", "f"))
	b := city(t, dir)
	mustApply(t, b, c.full(), c)
	c.equal(t, dir)
	healthy(t, b, dir)
	if c.fetched.Load() != 0 || inode(t, filepath.Join(dir, "d", "f")) != before {
		t.Errorf("fetched %d bytes, inode %d was %d", c.fetched.Load(), inode(t, filepath.Join(dir, "d", "f")), before)
	}
}

func TestWhatAComparisonWasAheadOfIsLoggedWhenItIsToldAgain(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	c.file(journal.Root, "old", "body")
	began := c.position()
	d := c.dir(journal.Root, "d")
	c.file(d, "f", "body")
	told := c.pending
	s := c.full()
	s.Position = began
	mustApply(t, a, s, c)
	before := inode(t, filepath.Join(dir, "d", "f"))
	again := applier.Set{Position: c.position()}
	for _, e := range told {
		again.Entries = append(again.Entries, e)
	}
	mustApply(t, a, again, nil)
	c.equal(t, dir)
	logged, err := a.Journal().Entries(t.Context(), began.Seq, 10)
	if err != nil || len(logged) != 2 {
		t.Errorf("%d entries after %v are logged, want those of d and f: %v", len(logged), began.Seq, err)
	}
	if inode(t, filepath.Join(dir, "d", "f")) != before {
		t.Error("the file was made anew")
	}
}
