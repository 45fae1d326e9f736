package applier

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// Report is what a verify found: how the disk differs from the journal.
type Report struct {
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	Content  bool      `json:"content"` // every byte was read
	Nodes    int64     `json:"nodes"`
	Read     int64     `json:"bytes_read"`
	Missing  int64     `json:"missing"`
	Differs  int64     `json:"differs"`
	Extra    int64     `json:"extra"`    // not made by hydrasync, counted without what is beneath
	Repaired int64     `json:"repaired"` // of the missing and differing
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is one path that a verify found, one of the first.
type Finding struct {
	Path string `json:"path"` // bytes; escape it for people
	What string `json:"what"`
}

// maxFindings bounds a report's list; the counts are whole.
const maxFindings = 100

// Equal says whether the disk has what the journal says. Foreign names do not count.
func (r *Report) Equal() bool { return r.Missing == 0 && r.Differs == 0 }

// VerifyDir compares a destination with its journal, beside a running city or
// without one, and changes nothing.
func VerifyDir(ctx context.Context, root string, content bool) (Report, error) {
	j, err := journal.OpenReadOnly(filepath.Join(root, StateName, journalName))
	if err != nil {
		return Report{}, fmt.Errorf("verify %q: %w", root, err)
	}
	defer j.Close()
	r, err := beneath.Open(root, nil, nil)
	if err != nil {
		return Report{}, rootError(root, err)
	}
	defer r.Close()
	c := &checker{ctx: ctx, journal: j, root: r, content: content}
	report, err := c.run()
	if err == nil && c.odd {
		err = j.Examine(ctx)
	}
	return report, err
}

// checker walks journal and disk side by side. A difference is looked at a
// second time with a fresh row: a set may be just being applied.
type checker struct {
	ctx     context.Context
	journal *journal.Journal
	root    *beneath.Root
	content bool
	report  Report
	wrong   []journal.NodeID // differs or missing
	stale   []journal.NodeID // equal, but its row's times are not
	extra   []string         // foreign paths, for pruning
	prune   bool
	odd     bool // rows do not add up to what their directory says
}

func (c *checker) run() (Report, error) {
	c.report = Report{At: now(), Content: c.content}
	root, ok, err := row(c.ctx, c.journal, journal.Root)
	if err == nil && ok {
		c.report.Nodes++
		if err = c.top(&root); err == nil {
			err = c.dir(&root, "")
		}
	}
	c.report.Seconds = time.Since(c.report.At).Seconds()
	return c.report, err
}

// top checks the destination itself.
func (c *checker) top(s *journal.Stored) error {
	st, err := c.root.Top().Self()
	if err == nil {
		if what := compareStat(st, s); what != "" {
			c.find(s, "", what)
		}
	}
	return err
}

// dir checks what is in a directory, and everything beneath.
func (c *checker) dir(s *journal.Stored, path string) error {
	rows, err := c.journal.Children(c.ctx, s.Node.ID)
	if err != nil {
		return err
	}
	if err := c.addUp(s, rows); err != nil {
		return err
	}
	dir, err := c.root.Dir(path)
	if beneath.IsErrno(err, unix.EACCES) {
		return nil // closed to us, by the capitol's own mode: nothing can be said
	}
	if err != nil && !pathOnly(err) {
		return err
	}
	if err == nil {
		defer dir.Close()
		if err := c.foreign(dir, s, path, rows); err != nil {
			return err
		}
	}
	for i := range rows {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.report.Nodes++
		if err := c.node(dir, &rows[i], below(path, rows[i].Node.Name)); err != nil {
			return err
		}
	}
	return nil
}

// addUp sees whether the rows are what the tree digest says, which costs no more than their
// names on the disk. What does not fit is looked at once more: a set may be just being recorded.
func (c *checker) addUp(s *journal.Stored, rows []journal.Stored) error {
	if sumOf(rows) == s.Beneath || c.odd {
		return nil
	}
	fresh, ok, err := row(c.ctx, c.journal, s.Node.ID)
	if err != nil || !ok {
		return err
	}
	if rows, err = c.journal.Children(c.ctx, s.Node.ID); err == nil {
		c.odd = sumOf(rows) != fresh.Beneath
	}
	return err
}

func sumOf(rows []journal.Stored) (sum journal.Sum) {
	for i := range rows {
		sum = sum.Plus(journal.SumOf(&rows[i].Node)).Plus(rows[i].Beneath)
	}
	return sum
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

func (c *checker) foreign(dir *beneath.Dir, s *journal.Stored, path string, rows []journal.Stored) error {
	ours := make(map[string]bool, len(rows))
	for i := range rows {
		ours[rows[i].Node.Name] = true
	}
	return dir.List(func(name string) error {
		if ours[name] || path == "" && name == StateName {
			return nil
		}
		if _, err := c.journal.Lookup(c.ctx, s.Node.ID, name); !errors.Is(err, journal.ErrNotFound) {
			return err // it came meanwhile
		}
		c.report.Extra++
		if c.prune {
			c.extra = append(c.extra, below(path, name))
		}
		return nil
	})
}

func (c *checker) node(dir *beneath.Dir, s *journal.Stored, path string) error {
	what, err := c.compare(dir, s)
	if err != nil {
		return err
	}
	if what != "" {
		fresh, ok, err := row(c.ctx, c.journal, s.Node.ID)
		if err != nil || !ok || fresh.Seq != s.Seq || fresh.Seen.Ino != s.Seen.Ino {
			return err // a set is just being applied: the next verify looks
		}
		c.find(s, path, what)
	}
	if s.Node.Kind == journal.Dir {
		return c.dir(s, path)
	}
	return nil
}

func (c *checker) find(s *journal.Stored, path, what string) {
	if what == stale {
		c.stale = append(c.stale, s.Node.ID)
		return
	}
	if what == "missing" {
		c.report.Missing++
	} else {
		c.report.Differs++
	}
	c.wrong = append(c.wrong, s.Node.ID)
	if len(c.report.Findings) < maxFindings {
		c.report.Findings = append(c.report.Findings, Finding{path, what})
	}
}

// suspects are the nodes that differed, to be looked at once more: what is counted
// and listed begins anew.
func (c *checker) suspects() []journal.NodeID {
	ids := c.wrong
	c.wrong, c.report.Missing, c.report.Differs, c.report.Findings = nil, 0, 0, nil
	return ids
}

// again compares one node as it is now. It differs also if only its row is
// behind.
func (c *checker) again(id journal.NodeID) (s journal.Stored, differs bool, err error) {
	s, ok, err := row(c.ctx, c.journal, id)
	if err != nil || !ok {
		return s, false, err
	}
	if id == journal.Root {
		n := len(c.wrong)
		err := c.top(&s)
		return s, len(c.wrong) > n, err
	}
	path, err := c.journal.Path(c.ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	dir, err := c.root.Dir(path[:max(strings.LastIndexByte(path, '/'), 0)])
	if err != nil && !pathOnly(err) {
		return s, false, err
	}
	if err == nil {
		defer dir.Close()
	}
	what, err := c.compare(dir, &s)
	if err != nil || what == "" {
		return s, false, err
	}
	if what != stale {
		c.find(&s, path, what)
	}
	return s, true, nil
}

// stale is no difference: only the change time moved on.
const stale = "stale"
