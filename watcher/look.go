package watcher

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// item is one path on its way into a look.
type item struct {
	mark
	found   *content // read ahead by a walk
	settled bool     // a whole walk ended without what it showed turning up elsewhere
	listed  bool     // a directory whose listing is a walk's business
	glance  bool     // only to learn where a node was; an absence here is no news
	job     *job     // the walk that found it; nil: an event
}

// sight is what a look saw at one path, and what it made of it.
type sight struct {
	item
	dir, name string
	st        stat
	there     bool

	placed bool            // the rest is decided
	parent journal.NodeID  // zero: its directory has no place in the journal
	row    *journal.Stored // the journal's row of this name
	node   *journal.Stored // the row whose node this is; nil: a new node
	id     journal.NodeID  // zero: no node
	link   journal.NodeID
	read   *content
	putOff bool // its bytes cannot be had now
	waits  bool // ... and somebody will look again
	late   bool // it is decided at the end of its walk
}

// look is one answer to "what is at these paths?": everything that is in it is
// appended in one transaction.
//
//	see     ask the disk about every path
//	place   ask the journal; decide whose node each path shows, parents first
//	link    group the names that share an inode
//	read    hash what may have other bytes
//	leave   rows that lost their name: gone, or waiting for their window
//	append  the difference
//
// While nodes are placed, paths are added: where a candidate for a move was
// before, the other names of a hard-linked file, what is in a new directory.
type look struct {
	*looker
	ctx    context.Context
	asks   context.Context // of questions to the journal: one that never ends spares each of them a goroutine
	now    time.Time
	sights []*sight
	at     map[string]*sight
	shows  map[ident][]*sight
	taken  map[journal.NodeID]*sight
	wants  map[journal.NodeID]*sight // who will take it, if nothing comes between
	inodes map[string]inode          // of the directories that were opened
	open   openDir
	lost   map[string]bool // directories that are not there: what was in them is their business

	changes []journal.Change
	again   []mark
	tasks   []task
	stir    []string // paths to look at after the append
	rooted  bool     // the root was checked in this look
}

// openDir is the directory that was used last.
type openDir struct {
	path string
	fd   int
	ok   bool
}

func (d *openDir) close() {
	if d.ok {
		unix.Close(d.fd)
		d.ok = false
	}
}

// dirfd returns a descriptor of a directory, good until the next call.
func (l *look) dirfd(path string) (int, error) {
	if l.open.ok && l.open.path == path {
		return l.open.fd, nil
	}
	l.open.close()
	fd, err := l.root.open(path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	l.open = openDir{path, fd, true}
	if _, known := l.inodes[path]; known {
		return fd, nil
	}
	st, err := statAt(fd, "")
	if err == nil && l.root.foreign(&st) {
		err = errOtherDevice // what is missing here is not gone
	}
	if err != nil {
		l.open.close()
		return -1, err
	}
	l.inodes[path] = inode{st.ino, st.btime}
	return fd, nil
}

// look looks at items and appends what differs.
func (k *looker) look(ctx context.Context, items []item) error {
	l := &look{
		looker: k, ctx: ctx, asks: context.WithoutCancel(ctx), now: time.Now(),
		at: make(map[string]*sight, len(items)), shows: make(map[ident][]*sight, len(items)), taken: map[journal.NodeID]*sight{}, wants: map[journal.NodeID]*sight{},
		inodes: map[string]inode{}, lost: map[string]bool{},
	}
	defer l.open.close()
	for _, step := range []func() error{
		func() error { return l.seeAll(items) },
		l.placeAll,
		l.linkAll,
		l.readAll,
		l.linkAll, // without the names that had to be put off
		l.leaveAll,
		l.appendAll,
	} {
		if err := step(); err != nil {
			l.abandon()
			return err
		}
	}
	return nil
}

// abandon keeps what a look that failed cannot learn a second time: that a
// directory was not watched until now.
func (l *look) abandon() {
	for _, t := range l.tasks {
		if t.scope == subtree {
			l.dirty.hear(t.path, subtree)
		}
	}
}

func (l *look) seeAll(items []item) error {
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(depth(a.path), depth(b.path)), strings.Compare(a.path, b.path))
	})
	for i := range items {
		l.see(items[i])
	}
	return l.ctx.Err()
}

// see asks the disk about one path, once a look. It returns nil where there is
// nothing to decide: ignored, out of reach, or beneath a directory that is not
// there, which is then looked at instead.
func (l *look) see(it item) *sight {
	if s := l.at[it.path]; s != nil {
		s.glance = s.glance && it.glance
		s.listed = s.listed && it.listed // an event says that another directory may be there than was listed
		return s
	}
	s := &sight{item: it}
	if s.dir, s.name = split(it.path); l.lost[s.dir] {
		return nil
	}
	fd, err := l.dirfd(s.dir)
	if it.path != "" && err != nil {
		l.seeParent(s, err)
		return nil
	}
	s.st, err = statAt(fd, s.name)
	switch {
	case err == nil:
		s.there = true
	case !missing(err):
		l.problems.add(it.path, "stat", err)
		return nil
	}
	if !l.wanted(s) {
		return nil
	}
	l.at[it.path] = s
	l.sights = append(l.sights, s)
	if s.there {
		l.shows[s.st.ident] = append(l.shows[s.st.ident], s)
	}
	return s
}

func (l *look) seeParent(s *sight, err error) {
	if !missing(err) {
		l.problems.add(s.dir, "enter", err)
		return
	}
	above, _ := split(s.dir)
	if p := l.see(l.itemAt(s.dir, s.job)); p != nil && !p.there || p == nil && l.lost[above] {
		l.lost[s.dir] = true
	}
}

// itemAt is a path that the look itself comes to.
func (l *look) itemAt(path string, j *job) item {
	return item{mark: mark{path: path, first: l.now, last: l.now}, job: j}
}

// wanted says whether what is there belongs to the tree.
func (l *look) wanted(s *sight) bool {
	isDir := s.there && s.st.kind == journal.Dir
	switch {
	case s.there && l.rules().ignored(s.path, isDir):
		return false
	case s.there && l.root.foreign(&s.st):
		l.problems.add(s.path, "enter", errOtherDevice)
		return false
	case s.there && s.st.kind == 0:
		l.problems.add(s.path, "carry", errSpecial)
	default:
		l.problems.clear(s.path)
	}
	return true
}

var (
	errOtherDevice = errors.New("it lies on another file system, which is a tree of its own")
	errSpecial     = errors.New("it is a FIFO, a socket or a device")
)
