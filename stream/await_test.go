package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// TestAwaitHearsConfirmationsAtOnce: of a city with all, and of one with a part of the
// tree outside of which the change is. Heartbeats are a minute apart and would be too late.
func TestAwaitHearsConfirmationsAtOnce(t *testing.T) {
	c := newCapitol(t, func(s *stream.ServerConfig) { s.Heartbeat = time.Minute })
	c.mkdir("in")
	c.mkdir("out")
	whole := newCity(t, c.url, func(cc *stream.ClientConfig) { cc.Heartbeat = time.Minute })
	part := newCity(t, c.url, func(cc *stream.ClientConfig) { cc.Heartbeat, cc.SubDirs = time.Minute, []string{"in"} })
	whole.run()
	stop := part.run()
	ctx, end := context.WithTimeout(t.Context(), patience)
	defer end()
	confirmed := func(goal journal.Position, n int) func([]stream.City) bool {
		return func(cities []stream.City) bool {
			have := 0
			for _, c := range cities {
				if c.Confirms && c.Acked.Seq >= goal.Seq {
					have++
				}
			}
			return have >= n
		}
	}
	for range 5 {
		c.write("out/f", filled(100, byte(time.Now().UnixNano())))
		if err := c.server.Await(ctx, "src", confirmed(c.j.Position(), 2)); err != nil {
			t.Fatalf("%v; %+v", err, c.server.Cities())
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// who leaves is noticed, too
	if err := c.server.Await(ctx, "src", func(cities []stream.City) bool { return len(cities) == 1 }); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.server.Await(short, "src", confirmed(c.j.Position(), 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("a city that is away has confirmed: %v", err)
	}
	if err := c.server.Await(ctx, "other", func(cities []stream.City) bool { return len(cities) == 0 }); err != nil {
		t.Errorf("cities of another tree: %v", err)
	}
}
