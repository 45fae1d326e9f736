package watcher

import (
	"errors"
	"fmt"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/rs/zerolog"
)

// Config says which tree to watch and how patiently. Zero means default.
type Config struct {
	Root    string           // a directory; it may be read-only
	Journal *journal.Journal // a capitol's
	Ignore  []string         // patterns (gitignore dialect); they overrule the ignore file

	IgnoreFile  string        // at the root; zero: [DefaultIgnoreFile]
	AcceptEmpty bool          // an empty root is meant, although the journal knows paths
	Debounce    time.Duration // the quiet window; zero: [DefaultDebounce]
	MaxWait     time.Duration // a file written without end is appended after this; zero: [DefaultMaxWait]
	Reconcile   time.Duration // between two full comparisons; zero: [DefaultReconcile]. A network file system gets more of them
	Lists       *chunk.Store  // of large files, for cities that ask what an edit changed; nil: none are made
	Echo        string        // a folder of its own outside the tree, for [Watcher.Barrier]; it is made. Empty: there is no barrier
	Log         zerolog.Logger
}

// What Config means by zero.
const (
	DefaultIgnoreFile = ".hydraignore"
	DefaultDebounce   = 20 * time.Millisecond
	DefaultMaxWait    = time.Second
	DefaultReconcile  = 10 * time.Minute
)

// stateDir is a city's state. It is left out at the top of any tree, so that a
// relay, or a mirror onto itself by mistake, never publishes it.
const stateDir = ".hydrasync"

func (c *Config) fill() error {
	switch {
	case c.Root == "":
		return errors.New("configure watcher: Root is empty")
	case c.Journal == nil:
		return errors.New("configure watcher: Journal is nil")
	case c.Debounce < 0 || c.MaxWait < 0 || c.Reconcile < 0:
		return errors.New("configure watcher: a negative duration")
	}
	setDefault(&c.IgnoreFile, DefaultIgnoreFile)
	setDefault(&c.Debounce, DefaultDebounce)
	setDefault(&c.MaxWait, DefaultMaxWait)
	setDefault(&c.Reconcile, DefaultReconcile)
	if c.MaxWait < c.Debounce {
		return fmt.Errorf("configure watcher: max wait %v is shorter than debounce %v", c.MaxWait, c.Debounce)
	}
	return nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
