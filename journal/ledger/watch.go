package ledger

import (
	"context"
	"fmt"
	"time"
)

// watchStep is how often a ledger is asked whether somebody changed it. The
// question is a look at one page that SQLite has mapped.
const watchStep = 300 * time.Millisecond

// Watch calls do at once and after each change that any process made, until
// ctx ends, and then returns nil; or until do fails.
func (l *Ledger) Watch(ctx context.Context, do func(context.Context) error) error {
	conn, err := l.read.Conn(ctx) // the version is a connection's own
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watch ledger: %w", err)
	}
	defer conn.Close()
	tick := time.NewTicker(watchStep)
	defer tick.Stop()
	for last := int64(-1); ; {
		var version int64
		// Asked before do looks: what comes later is another version.
		err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version)
		if err == nil && version != last {
			last = version
			err = do(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch ledger: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
