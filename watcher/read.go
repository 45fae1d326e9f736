package watcher

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A file of an event with more bytes than this is read by a walker, not by the
// look, so that small changes elsewhere do not wait for it.
const inlineRead = 8 << 20

// After so many readings of a file that changed each time it is listed as busy.
const tornTries = 10

// readAll hashes the files whose bytes may have changed, some at once. Names of one
// inode are read once.
func (l *look) readAll() error {
	var firsts []*sight
	lead := map[ident]*sight{}
	for _, s := range l.sights {
		must := l.mustRead(s)
		if s.isFile() && s.ahead(must) {
			l.use(s)
			continue
		}
		if !must {
			continue
		}
		if s.st.nlink > 1 && lead[s.st.ident] != nil {
			continue
		}
		lead[s.st.ident] = s
		firsts = append(firsts, s)
	}
	if err := l.readSome(firsts); err != nil {
		return err
	}
	for _, s := range l.sights {
		if first := lead[s.st.ident]; s.there && first != nil && first != s && s.read == nil && l.mustRead(s) {
			s.read, s.putOff = first.read, first.putOff
			if first.waits {
				l.wait(s, l.patience.writing(s.mark, time.Now()))
			}
		}
	}
	return nil
}

// ahead says whether what was read ahead can be used. Where nothing is to be believed, it
// can although the row has moved on since: else the next reading would come too late as well.
func (s *sight) ahead(must bool) bool {
	c := s.found
	return c != nil && c.shows(&s.st) && (c.tells(s.node) || s.whole) && (must || !c.partly)
}

// use takes what was read ahead. What came to a log since is looked at next.
func (l *look) use(s *sight) {
	if s.read = s.found; s.read.st != s.st {
		s.st = s.read.st
		l.stir = append(l.stir, s.path)
	}
}

// shows says whether a content that was read ahead is that of a file as it is, or as
// it was before it grew: a large log is never still for as long as reading it takes.
func (c *content) shows(st *stat) bool {
	return c.st == *st || !c.idle && c.st.ident == st.ident && c.st.size < st.size
}

// tells says whether a content that was read ahead shows all that is to be known of a
// file: also whether it only grew.
func (c *content) tells(old *journal.Stored) bool {
	if old == nil || old.Node.Kind != journal.File {
		return true
	}
	was := old.Node.Body
	return c.base == was.Digest || c.digest == was.Digest || c.size < was.Size
}

func (s *sight) isFile() bool { return s.id != 0 && s.there && s.st.kind == journal.File }

// mustRead says whether the row cannot vouch for the bytes.
func (l *look) mustRead(s *sight) bool {
	if !s.isFile() {
		return false
	}
	if s.node == nil || s.node.Node.Kind != journal.File || s.whole || !sameAtName(s.node, &s.st) {
		return true
	}
	if s.job == nil && s.st.size < stateFrom && fresh(&s.st, s.first) {
		return true
	}
	return !sameBytes(s.node, &s.st) && !l.explained(s)
}

// explained says that a new ctime comes from something other than the bytes:
// the file was moved, linked, or given another mode or owner, and has the size and mtime
// that it had. A small file is read anyway. A large one is believed, and read later in the
// background.
func (l *look) explained(s *sight) bool {
	n, seen := &s.node.Node, &s.node.Seen
	if seen.Racy || seen.Size != s.st.size || seen.MTime != s.st.mtime || s.st.size < stateFrom {
		return false
	}
	return n.Parent != s.parent || n.Name != s.name || n.Mode != s.st.mode || n.UID != s.st.uid || n.GID != s.st.gid || n.Link != s.link
}

// readLater hands a large file to the walkers; their finding comes back as an item.
func (l *look) readLater(s *sight) {
	l.busy(s, max(s.tears, l.walks.tears(errand{s.path, s.whole})))
	job := &reading{path: s.path, st: s.st, row: s.node, whole: s.whole}
	l.tasks = append(l.tasks, task{path: s.path, read: job, mark: s.mark})
	s.read, s.putOff, s.waits = nil, true, true
}

// readSome reads with all cores, a directory's names with one descriptor of it.
func (l *look) readSome(sights []*sight) error {
	errs := make([]error, len(sights))
	runs := runsOf(sights)
	var next, kept atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(runs)); i = next.Add(1) - 1 {
			l.readRun(sights[runs[i].from:runs[i].to], errs[runs[i].from:], &kept)
		}
	}
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(runs)) - 1 {
		g.Go(func() error { work(); return nil })
	}
	work()
	g.Wait()
	if err := l.ctx.Err(); err != nil {
		return err
	}
	for i, s := range sights {
		l.judge(s, errs[i])
	}
	return nil
}

// run is a stretch of sights in one directory, not too long, so that all cores
// have some.
type run struct{ from, to int }

const maxRun = 32

func runsOf(sights []*sight) (runs []run) {
	for i, s := range sights {
		if n := len(runs) - 1; n >= 0 && sights[i-1].dir == s.dir && i-runs[n].from < maxRun {
			runs[n].to = i + 1
			continue
		}
		runs = append(runs, run{i, i + 1})
	}
	return runs
}

// readRun reads the files of one run. Where a descriptor of the directory cannot be
// had, each file is opened by its path, and says why it cannot.
func (l *look) readRun(sights []*sight, errs []error, kept *atomic.Int64) {
	dir := 0
	if len(sights) > 1 {
		if fd, err := l.root.open(sights[0].dir, unix.O_PATH|unix.O_DIRECTORY); err == nil {
			dir = fd
			defer unix.Close(fd)
		}
	}
	for i, s := range sights {
		job := reading{path: s.path, st: s.st, row: s.node, whole: s.whole, most: inlineRead, ripe: l.patience.ripe(&s.mark, l.now),
			was: s.row == nil && (s.open || s.tries == 0 && s.job == nil && provisional(s.name)), keep: kept.Load() < maxBodies, dir: dir, name: s.name}
		if s.read, errs[i] = l.reader.read(l.ctx, job); s.read != nil {
			kept.Add(int64(len(s.read.bytes)))
		}
	}
}

// judge says what becomes of a file after its reading.
func (l *look) judge(s *sight, err error) {
	now := time.Now()
	switch {
	case err == nil:
		s.st = s.read.st
		return
	case errors.Is(err, errWritten):
		l.wait(s, l.patience.writing(s.mark, now))
	case errors.Is(err, errClosed):
		l.wait(s, l.patience.closed(s.mark, now, provisional(s.name)))
	case errors.Is(err, errUnsure):
		l.wait(s, l.patience.unknown(s.mark, now))
	case errors.Is(err, errLong):
		l.readLater(s)
	case errors.Is(err, errChanged), missing(err):
		l.busy(s, s.tears)
		l.wait(s, l.patience.torn(s.mark, now, s.cheap(), 0))
	case errors.Is(err, context.Canceled):
		s.read, s.putOff = nil, true
	default:
		l.problems.add(s.path, "read", err)
		s.read, s.putOff = nil, true
	}
}

// busy lists a file that cannot be had because it changes all the time.
func (l *look) busy(s *sight, tears int) {
	if tears >= tornTries {
		l.problems.add(s.path, "read", errBusy)
	}
}

// cheap says that another reading costs little: of a log only the tail is read. A line
// that is being written shows new times first, then the new size.
func (s *sight) cheap() bool { return s.st.size < stateFrom || s.grows }

func (l *look) wait(s *sight, m mark) {
	s.read, s.putOff, s.waits = nil, true, true
	l.again = append(l.again, m)
}

var errBusy = errors.New("it changes each time while it is read")
