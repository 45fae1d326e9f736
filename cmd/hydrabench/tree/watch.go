package tree

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Interval is how often a path that is waited for is looked at.
const Interval = time.Millisecond

// Watch waits for a destination to show what is expected.
type Watch struct {
	Root    string
	Carries Aspects
}

// Until returns when the last of states was seen to be true: the time of the last look that
// was not in vain, or of the call if all was there already. The error names the path that
// was missing when ctx ended.
func (w Watch) Until(ctx context.Context, states []State) (time.Time, error) {
	at := time.Now()
	for i := range states {
		for first := true; ; first = false {
			why := w.lacks(&states[i])
			if why == "" {
				if !first {
					at = time.Now()
				}
				break
			}
			if ctx.Err() != nil {
				return at, fmt.Errorf("%q is not there: %s; %d of %d paths to go", states[i].Path, why, len(states)-i, len(states))
			}
			Pause(Interval)
		}
	}
	return at, nil
}

// lacks says why the disk does not show want; empty if it does.
func (w Watch) lacks(want *State) string {
	info, err := os.Lstat(join(w.Root, want.Path))
	switch {
	case want.Gone && os.IsNotExist(err):
		return ""
	case want.Gone:
		return "it is still there"
	case err != nil:
		return err.Error()
	}
	got, err := stateOf(w.Root, want.Path, info)
	if err != nil {
		return err.Error()
	}
	return want.differs(&got, w.Carries)
}

// Pause sleeps in the kernel: the timers of an otherwise idle Go program are a
// millisecond late.
func Pause(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&ts, nil) // woken early is as good
}
