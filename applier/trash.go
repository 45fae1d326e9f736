package applier

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// trash keeps replaced and removed versions for a while:
//
//	trash/2026-11-21T09-30-00.000Z-000000000042/src/main.go
//	trash/2026-11-21T09-30-00.000Z-000000000042-local/src/main.go
//
// A folder a set, named by the time and the set's Seq; what somebody edited on
// this machine, and what hydrasync did not make, is apart in "-local". With
// the trash off only that is kept.
type trash struct {
	dir    *beneath.Dir
	litter *litter

	age time.Duration // negative: only local versions, for [DefaultTrash]
	max int64

	mu      sync.Mutex
	batches []batch // oldest first; nil until counted
	counted bool
}

type batch struct {
	name  string
	when  time.Time
	bytes int64
}

const (
	trashTime   = "2006-01-02T15-04-05.000Z"
	localSuffix = "-local"
	// moments are more than the sets that one millisecond can have.
	moments = time.Duration(20)
	// maxTrashDepth bounds the directories made for one version; deeper paths
	// keep their last names.
	maxTrashDepth = 64
)

func newTrash(dir *beneath.Dir, l *litter, age time.Duration, max int64) *trash {
	return &trash{dir: dir, litter: l, age: age, max: max}
}

// take moves a name into the trash, by one rename. parts is its path, upwards.
// With the trash off what is not local is removed at once.
func (t *trash) take(from *beneath.Dir, name string, parts []string, local bool, size int64, seq journal.Seq) error {
	if t.age < 0 && !local {
		return t.drop(from, name)
	}
	suffix := "-" + seq.String()
	if local {
		suffix += localSuffix
	}
	path := []string{""}
	for i := min(len(parts), maxTrashDepth) - 1; i > 0; i-- {
		path = append(path, parts[i])
	}
	at, into, err := t.makeRoom(suffix, path)
	if err != nil {
		return err
	}
	defer into.Close()
	if err := renameFree(from, name, into, parts[0]); err != nil {
		return err
	}
	t.count(path[0], at, size+int64(len(path))*pageSize)
	return nil
}

// makeRoom makes the directories for one version, in the folder of this moment. Where
// another set of the same millisecond has left a file that has the name of a directory
// by now, the next moment's.
func (t *trash) makeRoom(suffix string, path []string) (at time.Time, into *beneath.Dir, err error) {
	for wait := range moments {
		at = now().Add(wait * time.Millisecond)
		path[0] = at.Format(trashTime) + suffix
		if into, err = t.dir.MkdirAll(path, 0o700); !beneath.IsErrno(err, unix.ENOTDIR) {
			break
		}
	}
	return at, into, err
}

// drop removes at once. A directory first leaves the tree with one rename, for
// the folder that Open empties.
func (t *trash) drop(from *beneath.Dir, name string) error {
	err := from.Unlink(name)
	if !beneath.IsErrno(err, unix.EISDIR, unix.EPERM) {
		return err
	}
	temp := tempName()
	if err := from.Rename(name, t.litter.staging, temp, beneath.NoReplace); err != nil {
		return err
	}
	t.litter.drop(temp)
	return nil
}

// renameFree finds a free name: one path may be replaced twice in a millisecond.
func renameFree(from *beneath.Dir, name string, into *beneath.Dir, want string) error {
	free := want
	for i := 2; ; i++ {
		err := from.Rename(name, into, free, beneath.NoReplace)
		if !beneath.IsErrno(err, unix.EEXIST) {
			return err
		}
		suffix := fmt.Sprintf("~%d", i)
		free = want[:min(len(want), journal.MaxName-len(suffix))] + suffix
	}
}

func (t *trash) count(folder string, at time.Time, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.batches); n > 0 && t.batches[n-1].name == folder {
		t.batches[n-1].bytes += bytes
		return
	}
	t.batches = append(t.batches, batch{folder, at, bytes})
}

// bytes is what the trash holds, as far as it was counted.
func (t *trash) bytes() (sum int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.batches {
		sum += b.bytes
	}
	return sum
}

// sweep removes what is too old, then the oldest until the rest is small enough.
func (t *trash) sweep(now time.Time) error {
	if err := t.find(); err != nil {
		return err
	}
	var errs []error
	for {
		b, ok := t.next(now)
		if !ok {
			return errors.Join(errs...)
		}
		if err := t.dir.RemoveAll(b.name); err != nil {
			errs = append(errs, fmt.Errorf("sweep trash: %w", err))
		}
	}
}

// next takes the first batch that has to go off the list.
func (t *trash) next(now time.Time) (b batch, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.batches) == 0 {
		return b, false
	}
	var sum int64
	for _, b := range t.batches {
		sum += b.bytes
	}
	age := t.age
	if age < 0 {
		age = DefaultTrash
	}
	b = t.batches[0]
	if sum <= t.max && now.Sub(b.when) < age {
		return b, false
	}
	t.batches = t.batches[1:]
	return b, true
}

// find counts what an earlier process left, once. Folders that are not ours by
// name are left alone.
func (t *trash) find() error {
	t.mu.Lock()
	found := t.counted
	t.counted = true
	known := make(map[string]bool, len(t.batches))
	for _, b := range t.batches {
		known[b.name] = true
	}
	t.mu.Unlock()
	if found {
		return nil
	}
	names, err := t.dir.Names()
	if err != nil {
		return fmt.Errorf("list trash: %w", err)
	}
	var older []batch
	for _, name := range names {
		when, err := time.Parse(trashTime, name[:min(len(name), len(trashTime))])
		if err != nil || known[name] || !strings.HasPrefix(name[len(trashTime):], "-") {
			continue
		}
		older = append(older, batch{name, when, bytesIn(t.dir, name)})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batches = append(older, t.batches...)
	slices.SortStableFunc(t.batches, func(a, b batch) int { return cmp.Compare(a.name, b.name) })
	return nil
}

// bytesIn adds up what a name and all beneath it occupy. What cannot be read counts nothing.
func bytesIn(d *beneath.Dir, name string) int64 {
	st, err := d.Stat(name)
	if err != nil {
		return 0
	}
	sum := st.Blocks * 512
	if st.Type != beneath.Directory {
		return sum
	}
	sub, err := d.Dir(name)
	if err != nil {
		return sum
	}
	defer sub.Close()
	names, _ := sub.Names()
	for _, n := range names {
		sum += bytesIn(sub, n)
	}
	return sum
}

// Sweep removes from the trash what is too old at that time, or too much. Run
// does it every minute.
func (a *Applier) Sweep(at time.Time) error { return a.trash.sweep(at) }
