package identity

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// Files is a certificate and its key on disk, which somebody else renews: it is
// read again when a file has changed, so nothing has to be started anew.
type Files struct {
	cert, key string

	mu     sync.Mutex
	now    *tls.Certificate
	seen   [2]time.Time // when the files were written
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
	f.now, f.seen, f.looked = &now, f.written(), time.Now()
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
	if seen := f.written(); seen != f.seen {
		// Half a renewal does not fit together: the old one serves until both are there.
		if now, err := load(f.cert, f.key); err == nil {
			f.now, f.seen = &now, seen
		}
	}
	return f.now
}

func (f *Files) written() (at [2]time.Time) {
	for i, path := range []string{f.cert, f.key} {
		if st, err := os.Stat(path); err == nil {
			at[i] = st.ModTime()
		}
	}
	return at
}

// load takes PEM; what is of another kind in a file is passed over, so that one
// file may hold both.
func load(cert, key string) (tls.Certificate, error) {
	return tls.LoadX509KeyPair(cert, key)
}
