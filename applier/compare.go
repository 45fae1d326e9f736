package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// compare says how a node on the disk differs from its row: "" not at all. While
// the change time is the row's, nothing was changed and nothing has to be read.
func (c *checker) compare(dir *beneath.Dir, s *journal.Stored) (string, error) {
	if dir == nil {
		return "missing", nil
	}
	st, err := dir.Stat(s.Node.Name)
	if err != nil {
		if pathOnly(err) {
			return "missing", nil
		}
		return "", err
	}
	if what := compareStat(st, s); what != "" {
		return what, nil
	}
	return c.compareKind(dir, s, st)
}

func compareStat(st beneath.Stat, s *journal.Stored) string {
	n := &s.Node
	switch {
	case st.Type != typeOf(n.Kind):
		return "type"
	case st.Mode != n.Mode && n.Kind != journal.Symlink && s.Seen.Lacks&journal.LackMode == 0:
		return "mode"
	case (st.UID != n.UID || st.GID != n.GID) && s.Seen.Lacks&journal.LackOwner == 0:
		return "owner"
	case n.Kind == journal.File && st.Size != n.Body.Size:
		return "size"
	}
	return ""
}

func (c *checker) compareKind(dir *beneath.Dir, s *journal.Stored, st beneath.Stat) (string, error) {
	switch s.Node.Kind {
	case journal.Symlink:
		target, err := dir.Readlink(s.Node.Name)
		if err != nil || target != s.Node.Target {
			return "target", nil
		}
		return "", nil
	case journal.Dir:
		return "", nil
	}
	changed := st.CSec != s.Seen.CTime.Sec || st.CNsec != s.Seen.CTime.Nsec || st.Ino != s.Seen.Ino
	if !changed && !c.content {
		return "", nil
	}
	if st.MSec != s.Seen.MTime.Sec || st.MNsec != s.Seen.MTime.Nsec {
		return "time", nil
	}
	f, err := dir.Read(s.Node.Name)
	if beneath.IsErrno(err, unix.EACCES) {
		return "", nil // see dir
	}
	if err != nil {
		return "unreadable", nil
	}
	defer f.Close()
	return c.compareBytes(f, s, changed)
}

func (c *checker) compareBytes(f *beneath.File, s *journal.Stored, changed bool) (string, error) {
	if s.Seen.Lacks&(journal.LackXattr|journal.LackACL) == 0 && !sameXattrs(f, s.Node.Xattrs) {
		return "attributes", nil
	}
	digest, _, err := digestOf(c.ctx, f, s.Node.Body.Size)
	c.report.Read += s.Node.Body.Size
	switch {
	case err != nil && !pathOnly(err):
		return "", err
	case err != nil || digest != s.Node.Body.Digest:
		return "content", nil
	case changed:
		return stale, nil
	}
	return "", nil
}

func sameXattrs(f *beneath.File, want []journal.Xattr) bool {
	have, err := f.Xattrs()
	if err != nil {
		return false
	}
	n := 0
	for _, name := range have {
		if carried(name) {
			n++
		}
	}
	for _, x := range want {
		value, err := f.Xattr(x.Name)
		if err != nil || string(value) != string(x.Value) {
			return false
		}
	}
	return n == len(want)
}
