package watcher

import (
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// reading is one file on its way into a content.
type reading struct {
	path  string
	st    stat            // as it was looked at
	row   *journal.Stored // what is known of this very file; nil if nothing
	whole bool            // do not believe the last block
	ripe  bool            // writers or not
	was   bool            // it is new, and was open for writing at the last look
	keep  bool            // the bytes too, if they are few
	most  int64           // bytes to read here and now; zero: all it takes

	dir  int    // zero, or a descriptor of its directory ...
	name string // ... and its name there
}

// openFile opens the file that is to be read.
func (r *reader) openFile(job *reading) (int, error) {
	if job.dir == 0 {
		return r.root.open(job.path, unix.O_RDONLY|unix.O_NONBLOCK)
	}
	for {
		fd, err := unix.Openat(job.dir, job.name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func (job *reading) base() journal.Digest {
	if job.row == nil {
		return journal.Digest{}
	}
	return job.row.Node.Body.Digest
}

// mayGrow says that a small file may be a log: it has more bytes than before,
// and reading all of them is cheap. Growing from nothing is no sign of a log.
func (job *reading) mayGrow(st *stat) bool {
	old := oldSize(job.row)
	return old > 0 && old < stateFrom && st.size > old
}

func oldSize(row *journal.Stored) int64 {
	if row == nil || row.Node.Kind != journal.File {
		return -1
	}
	return row.Node.Body.Size
}

// stillEvery bytes of a large file are read before it is asked whether to read on.
const stillEvery = 32 << 20

// still says, now and then, that a file which is being read has done nothing but grow: what
// is written in place all the time would be read to its end for nothing.
func (c *content) still(fd int, at int64) error {
	if at < c.asked+stillEvery {
		return nil
	}
	c.asked = at
	now, err := statAt(fd, "")
	if err == nil && now != c.st && (now.ident != c.st.ident || now.size <= c.size) {
		err = errChanged
	}
	return err
}

// settle takes the hash only if the file stayed as it was. A file that only
// grew meanwhile is taken as it was before.
func settle(fd int, c *content) error {
	after, err := statAt(fd, "")
	switch {
	case err != nil:
		return err
	case after == c.st:
		return nil
	case after.ident == c.st.ident && after.size > c.size && (c.grown || !c.idle):
		return nil
	}
	return errChanged
}
