package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/follow"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

func TestEachKindOfErrorHasItsExitCodeAndHint(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code int
		hint string
	}{
		{"usage", usage("do that", "not this"), codeUsage, "do that"},
		{"failure", failed("do that", "broken"), codeFailed, "do that"},
		{"a state in use", &journal.InUseError{Path: "x", PID: 1}, codeRunning, "--state"},
		{"a hold", &follow.Final{Err: &applier.HoldError{Root: "/dst"}}, codeHeld, `hydrasync confirm "/dst"`},
		{"an open door", &stream.HintError{Err: errors.New("open"), Hint: "close it"}, codeUsage, "close it"},
		{"a refusal", &stream.RefusedError{Text: "no", Hint: "ask"}, codeFailed, "ask"},
		{"a full disk", &applier.StateError{State: applier.ErrNoSpace, Err: errors.New("full")}, codeFailed, "free space"},
		{"anything", errors.New("anything"), codeFailed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := fmt.Errorf("wrapped: %w", c.err)
			if got := codeOf(err); got != c.code {
				t.Errorf("got code %d, want %d", got, c.code)
			}
			if got := hintOf(err); !strings.Contains(got, c.hint) {
				t.Errorf("got hint %q, want %q in it", got, c.hint)
			}
		})
	}
}

func TestWhatDoesNotStopIsNotWaitedForLongerThanPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Minute)
			cancel()
		}()
		began := time.Now()
		err := await(ctx, make(chan error))
		if err == nil || time.Since(began) != time.Minute+patience {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestACityThatIsAloneForTooLongIsToldApartFromOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSight(journal.Position{})
		go func() {
			for range 3 { // away for less than the timeout, again and again
				time.Sleep(20 * time.Second)
				s.link(stream.State{Phase: stream.Connected})
				time.Sleep(time.Hour)
				s.link(stream.State{Phase: stream.Waiting, Err: errors.New("gone")})
			}
		}()
		began := time.Now()
		now, err := s.untilAlone(t.Context(), 30*time.Second)
		if want := 3*time.Hour + time.Minute + 30*time.Second; err != nil || time.Since(began) != want {
			t.Errorf("got %v after %v, want %v", err, time.Since(began), want)
		}
		if now.Link.Err == nil {
			t.Error("got no reason")
		}
	})
}

func TestInStepMeansComparedAtTheNewestEntryThatIsKnown(t *testing.T) {
	at := func(seq journal.Seq) journal.Position { return journal.Position{Epoch: journal.Epoch{1}, Seq: seq} }
	for _, c := range []struct {
		name         string
		phase        stream.Phase
		proven, head journal.Position
		want         bool
	}{
		{"never compared", stream.Connected, journal.Position{}, journal.Position{}, false},
		{"compared at the head", stream.Connected, at(5), at(5), true},
		{"the capitol went on", stream.Connected, at(5), at(6), false},
		{"another epoch", stream.Connected, at(5), journal.Position{Epoch: journal.Epoch{2}, Seq: 5}, false},
		{"disconnected", stream.Waiting, at(5), at(5), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := situation{Link: stream.State{Phase: c.phase}, Proven: c.proven, Head: c.head}
			if got := n.inStep(); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
