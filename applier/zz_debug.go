package applier

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// debugCheck compares every row with the disk, by inode, and finds foreign names.
func (a *Applier) debugCheck(r *round, err error) {
	if os.Getenv("HS_CHECK") == "" {
		return
	}
	var bad []string
	var walk func(id journal.NodeID, path string)
	walk = func(id journal.NodeID, path string) {
		rows, _ := a.journal.Children(bg, id)
		ours := map[string]bool{}
		for i := range rows {
			s := &rows[i]
			ours[s.Node.Name] = true
			p := filepath.Join(path, s.Node.Name)
			d, derr := a.folders.root.Dir(path)
			if derr != nil {
				bad = append(bad, fmt.Sprintf("%q dir: %v", p, derr))
				continue
			}
			st, serr := d.Stat(s.Node.Name)
			d.Close()
			if serr != nil {
				bad = append(bad, fmt.Sprintf("%d %q missing: %v", s.Node.ID, p, serr))
				continue
			}
			if !sameObject(st, s) || s.Node.Kind == journal.File && st.Size != s.Node.Body.Size {
				bad = append(bad, fmt.Sprintf("%d %q object differs: type %o ino %d row %d size %d row %d kind %v", s.Node.ID, p, st.Type, st.Ino, s.Seen.Ino, st.Size, s.Node.Body.Size, s.Node.Kind))
			}
			if s.Node.Kind == journal.Dir && st.Type == beneath.Directory {
				walk(s.Node.ID, p)
			}
		}
		if d, err := a.folders.root.Dir(path); err == nil {
			names, _ := d.Names()
			d.Close()
			for _, n := range names {
				if !ours[n] && n != StateName {
					bad = append(bad, fmt.Sprintf("%q foreign", filepath.Join(path, n)))
				}
			}
		}
	}
	walk(journal.Root, "")
	if len(bad) == a.debugBad && os.Getenv("HS_ALL") == "" {
		return
	}
	a.debugBad = len(bad)
	var set []string
	for _, t := range r.tasks {
		n := t.node
		set = append(set, fmt.Sprintf("  seq %d gone %v id %d parent %d %q kind %v link %d | old parent %d %q kind %v link %d ino %d seq %d known %v | state %v err %v now ino %d lead %v", t.entry.Seq, t.gone, n.ID, n.Parent, n.Name, n.Kind, n.Link, t.old.Node.Parent, t.old.Node.Name, t.old.Node.Kind, t.old.Node.Link, t.old.Seen.Ino, t.old.Seq, t.known, t.state, t.err, t.seen.Ino, t.lead != nil))
	}
	f, _ := os.OpenFile(os.Getenv("HS_CHECK"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	fmt.Fprintf(f, "=== %s pid %d again %v full %v err %v pos %v\n", a.cfg.Root, os.Getpid(), r.again, r.set.Full, err, r.set.Position.Seq)
	for _, b := range bad {
		fmt.Fprintln(f, "BAD", b)
	}
	for _, s := range set {
		fmt.Fprintln(f, s)
	}
	for _, s := range r.strays {
		fmt.Fprintln(f, "  stray", s)
	}
	f.Close()
}

var bg = context.Background()
