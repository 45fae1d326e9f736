package follow

import (
	"context"
	"time"

	"github.com/hydrasync/hydrasync/applier"
)

// holdFirst and holdMost bound how long a city that is held stays connected before it
// asks again what there is now.
const (
	holdFirst = 100 * time.Millisecond
	holdMost  = 15 * time.Second
)

// judge takes what the disk refuses. A hold ends a command that is to end by itself.
// Else the city stays for a while as it is, connected, so that the source is told; then
// the connection ends, and the next one brings the newest states.
func (f *Follower) judge(ctx context.Context, err error) error {
	switch {
	case !applier.Held(err):
		return err
	case f.Once && f.whole:
		return &Final{err}
	}
	f.Sight.Applied(0, f.Disk.Journal().Position())
	f.pause = min(max(2*f.pause, holdFirst), holdMost)
	clock := time.NewTimer(f.pause)
	defer clock.Stop()
	select {
	case <-clock.C:
	case <-ctx.Done():
	}
	return &waited{err}
}

// waited is an error after which the client need not wait once more.
type waited struct{ error }

func (w *waited) Unwrap() error { return w.error }

// Waited says so to a stream.
func (w *waited) Waited() bool { return true }
