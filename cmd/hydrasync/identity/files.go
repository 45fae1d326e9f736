package identity

import (
	"crypto/tls"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Files is a certificate and its key on disk, which somebody else renews: it is
// read again when a file has changed, so nothing has to be started anew.
type Files struct {
	cert, key string

	mu     sync.Mutex
	now    *tls.Certificate
	seen   [2]version // of the files
	looked time.Time
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = time.Second

// Open reads both; they may be one file.
func Open(cert, key string) (*Files, error) {
	f := &Files{cert: cert, key: key}
	now, err := load(cert, key)
	if err != nil {
		return nil, err
	}
	f.now, f.seen, f.looked = &now, f.versions(), time.Now()
	return f, nil
}

// Certificate is the newest that could be read.
func (f *Files) Certificate() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookEvery {
		return f.now
	}
	f.looked = time.Now()
	if seen := f.versions(); seen != f.seen {
		// Half a renewal does not fit together: the old one serves until both are there.
		if now, err := load(f.cert, f.key); err == nil {
			f.now, f.seen = &now, seen
		}
	}
	return f.now
}

// version tells one state of a file from another, also where both were written within
// a tick of the clock, or where the new one was given the old one's time.
type version struct {
	inode          uint64
	size           int64
	written, moved unix.Timespec
}

func (f *Files) versions() (all [2]version) {
	for i, path := range []string{f.cert, f.key} {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err == nil {
			all[i] = version{st.Ino, st.Size, st.Mtim, st.Ctim}
		}
	}
	return all
}

// load takes PEM; what is of another kind in a file is passed over, so that one
// file may hold both.
func load(cert, key string) (tls.Certificate, error) {
	return tls.LoadX509KeyPair(cert, key)
}
