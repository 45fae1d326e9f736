package applier

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/rs/zerolog"
)

// Config says which tree, and how careful to be with it.
type Config struct {
	Root        string        // the destination; it exists, or its parent does
	Prune       bool          // also remove what hydrasync did not create
	MaxDelete   Limit         // zero: [DefaultMaxDelete]
	Trash       time.Duration // how long replaced versions are kept; zero: [DefaultTrash]; negative: not at all
	TrashMax    int64         // bytes of all of them; zero: [DefaultTrashMax]
	Quota       Quota         // what it may hold
	MinFree     Floor         // what stays free on its file system
	VerifyEvery time.Duration // zero: [DefaultVerifyEvery]
	Patience    time.Duration // how long a set waits for contents from the capitol; zero: [DefaultPatience]
	DryRun      bool          // count what would change, write nothing
	Log         zerolog.Logger
	Calls       beneath.Calls  // sees every changing call; for tests
	Kernel      beneath.Kernel // nil: Linux; for tests, which keep trees in memory
}

// What Config means where it says nothing.
const (
	DefaultTrash       = 24 * time.Hour
	DefaultTrashMax    = 1 << 30
	DefaultVerifyEvery = time.Hour
	DefaultPatience    = 200 * time.Millisecond // a large file, or a slow link, holds up no other change
)

// DefaultMaxDelete holds when more than half of the paths and more than a
// hundred would go at once.
var DefaultMaxDelete = Limit{Count: 100, Percent: 50}

// Limit is how much may be deleted at once, which is within about a minute. More
// than it is more than Count paths and more than Percent of all; a zero part does
// not count. What came within that minute is not counted when it goes.
type Limit struct {
	Count   int64
	Percent float64
}

// ParseLimit reads "N", "P%" or "N,P%".
func ParseLimit(s string) (l Limit, err error) {
	bad := func() (Limit, error) {
		return Limit{}, fmt.Errorf("parse limit %q: want a count, a percentage like 50%%, or both: 100,50%%", s)
	}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if p, ok := strings.CutSuffix(part, "%"); ok {
			l.Percent, err = strconv.ParseFloat(p, 64)
			if !(l.Percent > 0 && l.Percent <= 100) {
				return bad()
			}
		} else {
			l.Count, err = strconv.ParseInt(part, 10, 63)
		}
		if err != nil || l.Count < 0 {
			return bad()
		}
	}
	return l, nil
}

// String is what [ParseLimit] reads.
func (l Limit) String() string {
	p := strconv.FormatFloat(l.Percent, 'f', -1, 64) + "%"
	switch {
	case l.Percent == 0:
		return strconv.FormatInt(l.Count, 10)
	case l.Count == 0:
		return p
	}
	return strconv.FormatInt(l.Count, 10) + "," + p
}

// IsZero says that no limit is meant.
func (l Limit) IsZero() bool { return l == Limit{} }

// Exceeded says whether so many deletions out of total are too many. 100 % and
// more is never exceeded, also not by an act that deletes what it brought.
func (l Limit) Exceeded(deletions, total int64) bool {
	if l.Percent >= 100 {
		return false
	}
	return deletions > l.Count && float64(deletions) > float64(total)*l.Percent/100
}

func (c *Config) check() error {
	if c.Root == "" {
		return errors.New("applier: no root")
	}
	if c.MaxDelete.IsZero() {
		c.MaxDelete = DefaultMaxDelete
	}
	if c.Trash == 0 {
		c.Trash = DefaultTrash
	}
	if c.TrashMax == 0 {
		c.TrashMax = DefaultTrashMax
	}
	if c.VerifyEvery == 0 {
		c.VerifyEvery = DefaultVerifyEvery
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	return nil
}
