// Package hours reads hours of the week as people write them, in local time:
// "08:00-18:00", "Sat,Sun", "Mon-Fri 22:00-06:00".
package hours

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dayEnd is 24:00 in minutes.
const dayEnd = 24 * 60

// Span is a part of some days of the week. One that ends before it begins goes on
// to the next day, and belongs to the day on which it begins.
type Span struct {
	days     [7]bool // from Sunday
	from, to int     // minutes of the day
	text     string
}

// String is what [Parse] read.
func (s Span) String() string { return s.text }

// Parse reads days, hours, or days and hours.
func Parse(text string) (Span, error) {
	s := Span{to: dayEnd, text: text}
	days, clock, both := strings.Cut(strings.TrimSpace(text), " ")
	if !both && strings.Contains(days, ":") {
		days, clock = "", days
	}
	if !s.parseDays(days) || clock != "" && !s.parseClock(clock) || days == "" && clock == "" {
		return Span{}, fmt.Errorf(`%q are no hours: write them like "08:00-18:00", "Sat,Sun" or "Mon-Fri 22:00-06:00"`, text)
	}
	return s, nil
}

// parseDays reads "Sat,Sun" or "Mon-Fri"; nothing is every day.
func (s *Span) parseDays(text string) bool {
	if text == "" {
		s.days = [7]bool{true, true, true, true, true, true, true}
		return true
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := weekday(first), weekday(last)
		if from < 0 || to < 0 {
			return false
		}
		for d := from; ; d = (d + 1) % 7 {
			if s.days[d] = true; d == to {
				break
			}
		}
	}
	return true
}

func weekday(text string) int {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()[:3]) || strings.EqualFold(text, d.String()) {
			return int(d)
		}
	}
	return -1
}

func (s *Span) parseClock(text string) bool {
	from, to, ok := strings.Cut(strings.TrimSpace(text), "-")
	s.from, s.to = minute(from), minute(to)
	return ok && s.from >= 0 && s.to >= 0 && s.from != s.to && s.from < dayEnd && s.to > -1
}

// minute reads 08:30, up to 24:00; -1 is a refusal.
func minute(text string) int {
	h, m, ok := strings.Cut(text, ":")
	hour, err := strconv.ParseUint(h, 10, 8)
	min, err2 := strconv.ParseUint(m, 10, 8)
	if !ok || err != nil || err2 != nil || len(h) > 2 || len(m) != 2 || min > 59 || hour*60+min > dayEnd {
		return -1
	}
	return int(hour*60 + min)
}

// Has says whether t, by its own clock, is within.
func (s Span) Has(t time.Time) bool {
	day, now := int(t.Weekday()), t.Hour()*60+t.Minute()
	if s.from < s.to {
		return s.days[day] && s.from <= now && now < s.to
	}
	return s.days[day] && now >= s.from || s.days[(day+6)%7] && now < s.to
}

// Next is the first moment after t at which one of spans begins or ends; zero
// if there is none within eight days, so never.
func Next(t time.Time, spans ...Span) time.Time {
	var moments []time.Time
	for _, s := range spans {
		for day := range 9 {
			for _, m := range []int{0, s.from, s.to} {
				at := time.Date(t.Year(), t.Month(), t.Day()+day, 0, m, 0, 0, t.Location())
				if at.After(t) {
					moments = append(moments, at)
				}
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, at := range moments {
		if slices.ContainsFunc(spans, func(s Span) bool { return s.Has(at) != s.Has(at.Add(-time.Second)) }) {
			return at
		}
	}
	return time.Time{}
}
