package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Config says which file, in which role, and how much of the log to keep.
type Config struct {
	Path      string        // the SQLite file; its folder exists
	Role      Role          // an existing file must have the same
	KeepAge   time.Duration // entries older than this are compacted; zero: [DefaultKeepAge]
	KeepCount int64         // so many newest entries stay at most; zero: [DefaultKeepCount]
	Log       zerolog.Logger
}

// What is kept of the log when Config does not say.
const (
	DefaultKeepAge   = 7 * 24 * time.Hour
	DefaultKeepCount = 1_000_000
)

// Journal is one open journal. All methods may be called at once.
type Journal struct {
	cfg     Config
	lock    *lock
	readers *sql.DB
	writer  *writer // nil when read-only
	nextID  atomic.Int64
	reads   atomic.Int64 // that may have left something in memory

	mu      sync.Mutex
	head    head
	recent  recent        // what the last commit wrote
	moved   chan struct{} // closed and renewed when head moves
	closed  bool
	started head // as it was found by Open

	doubts *doubts
}

// Open opens or creates the journal. A damaged file is moved aside, never
// served, and so is one in which the last process noticed damage: the new one has a new
// epoch, so cities compare instead of resuming. One that the disk does not let us read
// stays where it is, and so does one that turns out to be sound.
// If another process has it, the error is an [*InUseError].
func Open(cfg Config) (*Journal, error) {
	if cfg.KeepAge == 0 {
		cfg.KeepAge = DefaultKeepAge
	}
	if cfg.KeepCount == 0 {
		cfg.KeepCount = DefaultKeepCount
	}
	l, err := takeLock(cfg.Path)
	if err != nil {
		return nil, err
	}
	j, err := openSound(cfg)
	if errors.Is(err, ErrDamaged) {
		j, err = openDamaged(cfg)
	}
	if err != nil {
		l.release()
		return nil, fmt.Errorf("open journal %s: %w", cfg.Path, err)
	}
	j.lock = l
	return j, nil
}

// openDamaged looks once more, from end to end: what SQLite calls damage may have been a disk
// that refused to read for a while, and then everything fits.
func openDamaged(cfg Config) (*Journal, error) {
	switch err := look(cfg.Path); {
	case err == nil:
		if err = os.Remove(cfg.Path + suspectSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if j, err := openSound(cfg); !errors.Is(err, ErrDamaged) {
			return j, err
		}
	case !errors.Is(err, ErrDamaged) && !isOwnQuery(err):
		return nil, err
	}
	if err := moveAside(cfg); err != nil {
		return nil, err
	}
	return open(cfg)
}

// openSound does not even look into a file that is known to be damaged.
func openSound(cfg Config) (*Journal, error) {
	if _, err := os.Lstat(cfg.Path + suspectSuffix); err == nil {
		return nil, ErrDamaged
	}
	j, err := open(cfg)
	if isOwnQuery(err) { // tables or columns are not as they are made
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return j, err
}

func open(cfg Config) (*Journal, error) {
	w, h, err := openWriterLoop(cfg)
	if err != nil {
		return nil, err
	}
	readers, err := openReader(cfg.Path)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	j := &Journal{cfg: cfg, readers: readers, writer: w, head: h, started: h, moved: make(chan struct{}), doubts: newDoubts()}
	j.nextID.Store(int64(h.nextID))
	w.start(j)
	return j, nil
}

// OpenReadOnly opens a journal beside the process that writes it. Only reading
// methods work on it; they see what was committed when they were called, but
// Position stays what it was on opening and Wait does not wake: ask Stats.
func OpenReadOnly(path string) (*Journal, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	readers, err := openReader(path)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: Config{Path: path}, readers: readers, moved: make(chan struct{}), doubts: newDoubts()}
	if j.head, err = scanHead(readers.QueryRow(selectHead)); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), readers.Close())
	}
	j.started = j.head
	return j, nil
}

// moveAside keeps a damaged journal for a person to look at.
func moveAside(cfg Config) error {
	stamp := time.Now().UTC().Format("20060102T150405.000000000")
	cfg.Log.Error().Str("path", cfg.Path).Msg("journal is damaged: moved aside, starting a new epoch")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(cfg.Path+suffix, cfg.Path+".damaged-"+stamp+suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("move damaged journal aside: %w", err)
		}
	}
	if err := os.Remove(cfg.Path + suspectSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("move damaged journal aside: %w", err)
	}
	return nil
}

// Close flushes what was accepted, and gives the file back. Twice is safe.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	close(j.moved)
	j.mu.Unlock()
	j.doubts.end()
	// The readers go first: the last connection to close takes the WAL away.
	errs := []error{j.readers.Close()}
	if j.writer != nil {
		errs = append(errs, j.writer.stop())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.release())
	}
	return errors.Join(errs...)
}

// Position is where the journal's head is. On a city the digest is the one that
// the capitol remembers for that Seq; what the city itself holds is in
// [Journal.ScopeDigest]. It costs nothing.
func (j *Journal) Position() Position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head.pos
}

// NewID reserves a number that was never used in this epoch: for a node, a
// hard-link group or a generation. It is durable with the first Append that uses it
// or any later number.
func (j *Journal) NewID() NodeID { return NodeID(j.nextID.Add(1) - 1) }

// Wait returns nil once the head is behind after no longer, that is once its Seq is
// larger; ErrClosed or ctx's error otherwise.
func (j *Journal) Wait(ctx context.Context, after Seq) error {
	for {
		j.mu.Lock()
		seq, moved, closed := j.head.pos.Seq, j.moved, j.closed
		j.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case seq > after:
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publish makes a committed head visible and wakes the waiters.
func (j *Journal) publish(h head, r recent) {
	j.mu.Lock()
	defer j.mu.Unlock()
	was := j.head.pos
	j.head, j.recent = h, r
	if j.closed || h.pos == was {
		return
	}
	close(j.moved)
	j.moved = make(chan struct{})
}
