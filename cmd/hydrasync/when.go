package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/hours"
	"github.com/hydrasync/hydrasync/stream"
)

// openHours say at which hours a highway is connected; none: always.
type openHours []hours.Span

func parseWhen(texts []string) (w openHours, err error) {
	for _, text := range texts {
		span, err := hours.Parse(text)
		if err != nil {
			return nil, err
		}
		w = append(w, span)
	}
	return w, nil
}

func (w openHours) open(t time.Time) bool {
	return len(w) == 0 || slices.ContainsFunc(w, func(s hours.Span) bool { return s.Has(t) })
}

// opens is the first moment from t on at which it is open.
func (w openHours) opens(t time.Time) time.Time {
	for !t.IsZero() && !w.open(t) {
		t = hours.Next(t, w...)
	}
	return t
}

// restError is why a city is not connected outside of its hours.
type restError struct{ until time.Time }

func (e *restError) Error() string {
	return "outside of its hours (when) until " + e.until.Format("Mon 15:04")
}

// Hint says what a person can do.
func (e *restError) Hint() string { return "wait, or change when" }

// resting is that error, or nil.
func (n *situation) resting() *restError {
	var rest *restError
	if n.Link.Phase == stream.Connected || !errors.As(n.Link.Err, &rest) {
		return nil
	}
	return rest
}

// rest waits until the city may be connected; false if ctx ended.
func (c *city) rest(ctx context.Context) bool {
	for !c.when.open(time.Now()) && ctx.Err() == nil {
		next := c.when.opens(time.Now())
		c.sight.link(stream.State{Phase: stream.Waiting, From: c.conf.From, Since: time.Now(), Err: &restError{next}, Next: next})
		untilHour(ctx, c.when)
	}
	return ctx.Err() == nil
}

// within calls do with a context that ends when the hours do.
func (w openHours) within(ctx context.Context, do func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if len(w) == 0 {
		return do(ctx)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for w.open(time.Now()) && untilHour(ctx, w) {
		}
		end()
	}()
	err := do(ctx)
	end()
	<-over
	return err
}

// whenProblem is about the hours that a file says.
func (h *highwayConf) whenProblem(at string) *problem {
	if _, err := parseWhen(h.When); err != nil {
		return &problem{at + "when", fmt.Sprintf("when: %v", err), `write when = ["22:00-06:00", "Sat,Sun"]`}
	}
	return nil
}
