package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// hoursFrom is a span of two hours that begins so long after t, with the day's name
// of its beginning.
func hoursFrom(t time.Time, after time.Duration) string {
	from := t.Add(after)
	return fmt.Sprintf("%s %s-%s", from.Format("Mon"), from.Format("15:04"), from.Add(2*time.Hour).Format("15:04"))
}

func TestALimitFollowsTheHourWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var r rates
		text := fmt.Sprintf(`[{at = %q, rate = "2MiB"}, {at = %q, rate = "0"}, {rate = "10MiB"}]`,
			hoursFrom(start, time.Hour), hoursFrom(start, 3*time.Hour))
		if err := r.UnmarshalTOML([]byte(text)); err != nil || r.bad != nil {
			t.Fatal(err, r.bad)
		}
		l := r.limiter()
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.keep(ctx, l) }()
		for _, c := range []struct {
			after time.Duration
			want  rate.Limit
			burst int
		}{
			{0, 10 << 20, 1 << 20},
			{time.Hour - time.Second, 10 << 20, 1 << 20},
			{time.Hour + time.Second, 2 << 20, 2 << 20 / 10},
			{3*time.Hour - time.Second, 2 << 20, 2 << 20 / 10},
			{3*time.Hour + time.Second, rate.Inf, 1 << 20},
			{5*time.Hour + time.Second, 10 << 20, 1 << 20},
			{7*24*time.Hour + time.Hour + time.Second, 2 << 20, 2 << 20 / 10},
		} {
			time.Sleep(c.after - time.Since(start))
			synctest.Wait()
			if l.Limit() != c.want || l.Burst() != c.burst {
				t.Errorf("after %v: %v and %d, want %v and %d", c.after, l.Limit(), l.Burst(), c.want, c.burst)
			}
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestALimitIsOneRateOrRatesByTheHour(t *testing.T) {
	noon := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) // a Monday
	for _, c := range []struct{ text, now string }{
		{`"2MiB"`, "2MiB/s"},
		{`"0"`, ""},
		{`[]`, ""},
		{`[{rate = "1MiB/s"}]`, "1MiB/s"},
		{`[{at = "08:00-18:00", rate = "2MiB"}]`, "2MiB/s until Mon 18:00"},
		{`[{at = "18:00-08:00", rate = "2MiB"}]`, "none until Mon 18:00"},
		{`[{at = "Sat,Sun", rate = "0"}, {rate = "2MiB"}]`, "2MiB/s until Sat 00:00"},
		{`[{at = "noon", rate = "2MiB"}]`, "refused"},
		{`[{at = "08:00-18:00"}]`, "refused"},
		{`[{at = "08:00-18:00", rate = "fast"}]`, "refused"},
		{`[{hours = "08:00-18:00", rate = "2MiB"}]`, "refused"},
		{`"fast"`, "refused"},
		{`true`, "refused"},
	} {
		var r rates
		if err := r.UnmarshalTOML([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if r.problem("limit") == nil {
			got = r.text(noon)
		}
		if got != c.now {
			t.Errorf("%s: %s, want %s (%v)", c.text, got, c.now, r.bad)
		}
		if unlimited := r.bad == nil && c.now == ""; unlimited != (r.limiter() == nil) && c.now != "refused" {
			t.Errorf("%s: limiter %v", c.text, r.limiter())
		}
	}
	var r rates
	for _, text := range []string{"08:00-18:00=2MiB", "10MiB"} {
		if err := r.Set(text); err != nil {
			t.Error(err)
		}
	}
	if got := r.String(); got != "08:00-18:00=2MiB/s 10MiB/s" {
		t.Error(got)
	}
	for _, text := range []string{"8=2MiB", "08:00-18:00=", "fast"} {
		if r.Set(text) == nil {
			t.Errorf("--limit %s is taken", text)
		}
	}
}
