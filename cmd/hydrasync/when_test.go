package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

func TestAHighwayIsConnectedDuringItsHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w, err := parseWhen([]string{hoursFrom(start, time.Hour), hoursFrom(start, 3*time.Hour), hoursFrom(start, 27*time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		c := &city{when: w, sight: newSight(journal.Position{})}
		var runs atomic.Int32
		var running atomic.Bool
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for c.rest(ctx) {
				_ = c.when.within(ctx, func(ctx context.Context) error {
					runs.Add(1)
					running.Store(true)
					<-ctx.Done()
					running.Store(false)
					return nil
				})
			}
		}()
		for _, step := range []struct {
			after time.Duration
			runs  int32
			on    bool
			opens time.Duration // while it rests
		}{
			{0, 0, false, time.Hour},
			{time.Hour - time.Second, 0, false, time.Hour},
			{time.Hour + time.Second, 1, true, 0},
			{3*time.Hour + time.Second, 1, true, 0}, // the next hours begin as these end
			{5*time.Hour + time.Second, 1, false, 27 * time.Hour},
			{27*time.Hour + time.Second, 2, true, 0},
			{29*time.Hour + time.Second, 2, false, 7*24*time.Hour + time.Hour},
		} {
			time.Sleep(step.after - time.Since(start))
			synctest.Wait()
			if runs.Load() != step.runs || running.Load() != step.on {
				t.Errorf("after %v: %d runs, running %v; want %d and %v", step.after, runs.Load(), running.Load(), step.runs, step.on)
			}
			now, _ := c.sight.look()
			if rest := now.resting(); !step.on && (rest == nil || !rest.until.Equal(start.Add(step.opens))) {
				t.Errorf("after %v: says %v, want %v", step.after, rest, start.Add(step.opens))
			}
		}
		end()
		<-done
	})
}

// A city outside of its hours dials nobody, and says when it will.
func TestOutsideOfItsHoursACityDialsNobody(t *testing.T) {
	conf := highwayConf{To: filepath.Join(t.TempDir(), "copy"), Sources: sources{"ws://127.0.0.1:1/site"}}
	conf.defaults()
	conf.When = []string{hoursFrom(time.Now(), 48*time.Hour)}
	dialled := errors.New("dialled")
	c, err := openCity(conf, cityWorld{dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, dialled
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx) }()
	if _, err := c.sight.until(ctx, func(n *situation) bool { return n.resting() != nil }); err != nil {
		t.Fatal(err)
	}
	r, err := c.report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != "resting" || r.Highway.Opens == nil || !r.Highway.Opens.After(time.Now().Add(46*time.Hour)) || r.Highway.Link != stream.Waiting.String() {
		t.Errorf("got %s, opens %v, link %s", r.State, r.Highway.Opens, r.Highway.Link)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
