package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// sourceStep is how often a source that is waited for is looked at.
const sourceStep = 50 * time.Millisecond

// ready waits for the end of the first walk.
func (s *source) ready(ctx context.Context) error {
	select {
	case <-s.watch.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// walked is ready for a command that is to end by itself: a source that is lost
// is not waited for.
func (s *source) walked(ctx context.Context) error {
	tick := time.NewTicker(sourceStep)
	defer tick.Stop()
	for {
		select {
		case <-s.watch.Ready():
			return nil
		case <-tick.C:
			if s.watch.Status().State == watcher.SourceLost {
				return s.certain()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// certain says whether a walk found all of the tree. What no tree carries
// (a FIFO, another file system) does not count; what could not be read does.
func (s *source) certain() error {
	st := s.watch.Status()
	if st.State == watcher.SourceLost {
		return &failure{err: fmt.Errorf("source %s: %s", strconv.Quote(s.conf.Dir), st.Why), code: codeHeld,
			hint: "nothing is deleted meanwhile; mount it again or put it back, or say --yes if all of it is to be deleted"}
	}
	unread := slices.DeleteFunc(st.Problems, func(p watcher.Problem) bool {
		return strings.HasPrefix(p.Why, "carry: ") || strings.Contains(p.Why, "another file system")
	})
	if len(unread) == 0 {
		return nil
	}
	return failed("make it readable for this user, or leave it out with --ignore",
		"%d paths of the source could not be read, such as %s: %s", len(unread), stream.Display(unread[0].Path), unread[0].Why)
}
