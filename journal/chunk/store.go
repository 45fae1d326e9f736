package chunk

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Key is the SHA-256 of a content.
type Key = [32]byte

// Store keeps records as files of one folder, one a content. It is a cache: nothing is
// flushed, what is damaged or too much is dropped, and who misses a record makes
// it anew. It may be used from many goroutines, and by one process at a time. A nil Store is
// empty and stays so.
type Store struct {
	dir  string
	most int64         // bytes of all files
	turn chan struct{} // of who makes a list

	mu    sync.Mutex
	kept  map[Key]kept // nil until first needed
	sum   int64
	lines map[Key]Key // of a content that grew to the first of its line; see Grew
}

type kept struct {
	bytes int64
	used  time.Time
}

// storeMost bounds a store: records of some 300 contents of 1 GiB.
const storeMost = 64 << 20

// NewStore keeps records beneath dir, which is made when there is something to keep.
// Its parent has to be a directory that nobody else writes to.
func NewStore(dir string) *Store {
	return &Store{dir: dir, most: storeMost, turn: make(chan struct{}, 1)}
}

// Get finds a record. One that cannot be read is dropped.
func (s *Store) Get(k Key) (Record, bool) {
	if s == nil || k == (Key{}) {
		return Record{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	if _, ok := s.kept[k]; !ok {
		return Record{}, false
	}
	b, err := os.ReadFile(s.path(k))
	if err == nil {
		var r Record
		if r, err = decode(b); err == nil {
			now := time.Now()
			s.kept[k] = kept{int64(len(b)), now}
			_ = os.Chtimes(s.path(k), now, now) // for the next process; it would forget too early otherwise
			return r, true
		}
	}
	s.drop(k)
	return Record{}, false
}

// Put keeps a record in place of what was known of the content. An error means that it is
// not kept, and nothing else.
func (s *Store) Put(k Key, r Record) error {
	if s == nil || k == (Key{}) {
		return nil
	}
	b := r.encode()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	if int64(len(b)) > s.most {
		return nil
	}
	if err := s.write(k, b); err != nil {
		return fmt.Errorf("keep chunk list: %w", err)
	}
	s.sum += int64(len(b)) - s.kept[k].bytes
	s.kept[k] = kept{int64(len(b)), time.Now()}
	s.shrink(k)
	return nil
}

// write puts the file in place by a rename: a reader that comes after a crash
// finds all of it, or the checksum tells.
func (s *Store) write(k Key, b []byte) error {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	temp := filepath.Join(s.dir, tempName)
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	return os.Rename(temp, s.path(k))
}

const (
	tempName = "new"
	suffix   = ".chunks"
)

func (s *Store) path(k Key) string { return filepath.Join(s.dir, hex.EncodeToString(k[:])+suffix) }

// load reads the folder once. What it cannot read is not there.
func (s *Store) load() {
	if s.kept != nil {
		return
	}
	s.kept = make(map[Key]kept)
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		var k Key
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if n, err := hex.Decode(k[:], []byte(name[:min(len(name), 2*len(k))])); !ours || err != nil || n != len(k) || len(name) != 2*len(k) {
			continue
		}
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			s.kept[k] = kept{st.Size(), st.ModTime()}
			s.sum += st.Size()
		}
	}
	s.shrink(Key{})
}

// shrink forgets what was not used for longest, but not the one just written.
func (s *Store) shrink(but Key) {
	if s.sum <= s.most {
		return
	}
	keys := make([]Key, 0, len(s.kept))
	for k := range s.kept {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(s.kept[a].used.Compare(s.kept[b].used), slices.Compare(a[:], b[:]))
	})
	for _, k := range keys {
		if s.sum <= s.most-s.most/8 {
			return
		}
		if k != but {
			s.drop(k)
		}
	}
}

func (s *Store) drop(k Key) {
	s.sum -= s.kept[k].bytes
	delete(s.kept, k)
	_ = os.Remove(s.path(k)) // what stays is found by the next process
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
