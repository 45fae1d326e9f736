package watcher

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// task is something for a walker: a directory to compare with the journal, or a
// file to read ahead.
type task struct {
	path   string
	node   journal.NodeID // the directory's; zero: ask the journal
	fresh  bool           // nothing in it is known to the journal
	scope  scope          // listing: this directory alone
	since  time.Time      // only its absences, met then, now that the walk is through
	read   *reading
	mark   mark           // of the file to read
	late   []item         // only to be handed over
	unlink journal.NodeID // a directory that went: who shared an inode with what was in it?
	job    *job
	again  bool // the journal refused it before
}

// So many names of a directory are compared at once and passed on together.
const walkChunk = 1024

// walker compares directories with the journal and passes on the names that
// differ. It decides nothing: a look asks the disk again.
type walker struct {
	*session
	task
	fd   int
	id   ident
	rows rows
	out  []item
	subs []task
	kept int64 // bytes of bodies in out

	absent bool // a row's name was not met
}

// So many bytes of small files are passed on with their names: a few of them all
// are kept for the cities' questions, see bodies.
const walkBodies = 512 << 10

func (s *session) walkOne(ctx context.Context, t task, page *[]journal.Stored) error {
	switch {
	case t.read != nil:
		return s.readAhead(ctx, t)
	case t.unlink != 0:
		return s.unlink(ctx, t.unlink)
	case t.late != nil:
		return s.walks.hand(ctx, unit{t.late, t.job})
	}
	w := &walker{session: s, task: t}
	ok, err := w.open()
	if err != nil || !ok {
		return err
	}
	f := os.NewFile(uintptr(w.fd), t.path)
	defer f.Close()
	if w.since.IsZero() {
		w.hear(ctx)
	}
	if err := w.begin(ctx, *page); err != nil {
		return err
	}
	defer func() { *page = w.rows.page }()
	if !w.since.IsZero() {
		return w.absences(ctx)
	}
	return w.compare(ctx, f)
}

// open opens the directory for listing. Whatever is wrong with it is noted, and
// is no reason to believe that anything in it is gone.
func (w *walker) open() (bool, error) {
	fd, err := w.root.open(w.path, unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case missing(err):
		w.unwatched.remove(w.path)
		w.dirty.hear(w.path, oneName)
		return false, nil
	case err != nil:
		w.problems.add(w.path, "list", err)
		return false, nil
	}
	st, err := statAt(fd, "")
	if err == nil && w.root.foreign(&st) {
		err = errOtherDevice
	}
	if err != nil {
		w.problems.add(w.path, "enter", err)
		return false, unix.Close(fd)
	}
	w.fd, w.id = fd, st.ident
	return true, nil
}

// hear watches the directory: before it is listed, so that whatever happens
// after the listing makes an event. One that was not watched so far may have
// changed at any depth.
func (w *walker) hear(ctx context.Context) {
	if w.watch(ctx, w.path, w.id) {
		w.scope = subtree
	}
}

// compare lists the directory, and meets its names and its rows in the order of
// names. What is wrong with the listing is no reason to miss anything.
func (w *walker) compare(ctx context.Context, f *os.File) error {
	names, failed := f.Readdirnames(-1)
	slices.Sort(names)
	for i, name := range names {
		if err := w.name(ctx, name); err != nil {
			return err
		}
		if i%walkChunk == walkChunk-1 {
			if err := w.pass(ctx); err != nil {
				return err
			}
		}
	}
	switch {
	case failed == nil:
		if err := w.finish(ctx); err != nil {
			return err
		}
	case missing(failed):
		w.dirty.hear(w.path, oneName)
	default:
		w.problems.add(w.path, "list", failed)
	}
	return w.pass(ctx)
}

func (w *walker) item(name string) item {
	now := time.Now()
	return item{mark: mark{path: join(w.path, name), first: now, last: now}, job: w.job}
}

// name compares one name.
func (w *walker) name(ctx context.Context, name string) error {
	row, err := w.rowOf(ctx, name)
	if err != nil {
		return err
	}
	st, err := statAt(w.fd, name)
	switch {
	case missing(err):
		w.miss(row)
		return nil
	case err != nil:
		w.problems.add(join(w.path, name), "stat", err)
		return nil
	case w.ignored(name, st.kind):
		return nil
	case w.root.foreign(&st):
		w.problems.add(join(w.path, name), "enter", errOtherDevice)
		return nil
	case row != nil && w.problems.some() && unchanged(row, &st):
		w.problems.healed(join(w.path, name), st.kind)
	}
	switch st.kind {
	case journal.Dir:
		return w.dir(ctx, name, row, &st)
	case journal.File:
		return w.file(ctx, name, row, &st)
	}
	if row == nil && st.kind == 0 {
		w.problems.add(join(w.path, name), "carry", errSpecial)
		return nil
	}
	if row == nil || !unchanged(row, &st) {
		w.out = append(w.out, w.item(name))
	}
	return nil
}

// dir passes on a directory that differs, and descends into it where its node
// is certain. If it may have come from elsewhere, the look decides and sends a walk.
func (w *walker) dir(ctx context.Context, name string, row *journal.Stored, st *stat) error {
	it := w.item(name)
	it.listed = true
	sub := task{path: it.path, scope: subtree, job: w.job}
	switch {
	case row != nil && sameAtName(row, st):
		sub.node = row.Node.ID
		if !unchanged(row, st) {
			w.out = append(w.out, it)
		}
	case row == nil && (w.job.first && w.virgin || !w.mayHaveMoved(ctx, st)):
		sub.fresh = true
		w.out = append(w.out, it)
	default:
		it.listed = false
		w.out = append(w.out, it)
		return nil
	}
	if w.scope == subtree || sub.fresh {
		w.subs = append(w.subs, sub)
	}
	return nil
}

func (w *walker) mayHaveMoved(ctx context.Context, st *stat) bool {
	rows, err := w.journal.ByInode(ctx, st.ino)
	for i := range rows {
		if sameObject(&rows[i], st) {
			return true
		}
	}
	return err != nil
}

// file passes on a file that differs, with its digest, so that the look need not
// wait for the disk.
func (w *walker) file(ctx context.Context, name string, row *journal.Stored, st *stat) error {
	if row != nil && unchanged(row, st) && (st.nlink > 1) == (row.Node.Link != 0) {
		if row.Seen.Unproven {
			w.suspects.add(join(w.path, name), time.Now())
		}
		return nil
	}
	it := w.item(name)
	if row == nil && st.size >= stateFrom && !(w.job.first && w.virgin) && w.mayHaveMoved(ctx, st) {
		w.out = append(w.out, it)
		return nil
	}
	if row != nil && sameAtName(row, st) && sameBytes(row, st) {
		w.out = append(w.out, it)
		return nil
	}
	if row != nil && row.Node.Body.Size >= stateFrom {
		if full, err := w.journal.Node(ctx, row.Node.ID); err == nil {
			row = &full
		}
	}
	if row != nil && !sameAtName(row, st) {
		row = nil
	}
	keep := w.kept+st.size <= walkBodies
	c, err := w.reader.read(ctx, reading{path: it.path, st: *st, row: row, keep: keep, dir: w.fd, name: name})
	if err == nil && c.st == *st {
		it.found = c
		w.kept += int64(len(c.bytes))
	}
	w.out = append(w.out, it)
	return ctx.Err()
}

// pass hands over what was found, then the directories beneath: so a look meets
// parents before children.
func (w *walker) pass(ctx context.Context) error {
	if len(w.out) > 0 {
		if err := w.walks.hand(ctx, unit{w.out, w.job}); err != nil {
			return err
		}
		w.out, w.kept = nil, 0
	}
	w.walks.push(w.subs...)
	w.subs = nil
	return nil
}

// readAhead reads one large file for a look.
func (s *session) readAhead(ctx context.Context, t task) error {
	job, began := *t.read, time.Now()
	job.ripe = s.patience.ripe(&t.mark, began)
	c, err := s.reader.read(ctx, job)
	now := time.Now()
	switch {
	case err == nil:
		return s.walks.hand(ctx, unit{[]item{{mark: t.mark, found: c}}, t.job})
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errWritten):
		s.dirty.later(s.patience.writing(t.mark, now))
	case errors.Is(err, errUnsure):
		s.dirty.later(s.patience.unknown(t.mark, now))
	default:
		s.dirty.later(s.patience.torn(t.mark, now, false, now.Sub(began)))
	}
	return nil
}
