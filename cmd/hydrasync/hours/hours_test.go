package hours

import (
	"testing"
	"time"
)

// at is a moment of the week that began on Sunday, 2026-03-01, in Berlin.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		berlin = time.UTC // a machine without time zones
	}
	got, err := time.ParseInLocation("2 15:04:05", text, berlin)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, time.March, got.Day(), got.Hour(), got.Minute(), got.Second(), 0, berlin)
}

func TestHoursAreOfTheLocalDay(t *testing.T) {
	for _, c := range []struct {
		span, moment string
		want         bool
	}{
		{"08:00-18:00", "2 07:59:59", false},
		{"08:00-18:00", "2 08:00:00", true},
		{"08:00-18:00", "2 17:59:59", true},
		{"08:00-18:00", "2 18:00:00", false},
		{"8:00-18:00", "2 08:00:00", true},
		{"22:00-06:00", "2 21:59:59", false},
		{"22:00-06:00", "2 22:00:00", true},
		{"22:00-06:00", "3 00:00:00", true},
		{"22:00-06:00", "3 05:59:59", true},
		{"22:00-06:00", "3 06:00:00", false},
		{"18:00-24:00", "2 23:59:59", true},
		{"18:00-24:00", "3 00:00:00", false},
		{"18:00-00:00", "2 23:59:59", true},
		{"18:00-00:00", "3 00:00:00", false},
		{"Sat,Sun", "6 23:59:59", false},
		{"Sat,Sun", "7 00:00:00", true},
		{"Sat,Sun", "8 23:59:59", true},
		{"Sat,Sun", "9 00:00:00", false},
		{"saturday", "7 12:00:00", true},
		{"Mon-Fri", "6 12:00:00", true},
		{"Mon-Fri", "7 12:00:00", false},
		{"Sat-Mon", "8 12:00:00", true},
		{"Sat-Mon", "9 12:00:00", true},
		{"Sat-Mon", "10 12:00:00", false},
		{"Fri 22:00-06:00", "6 05:00:00", false}, // of Thursday's night
		{"Fri 22:00-06:00", "7 05:00:00", true},
		{"Fri 22:00-06:00", "7 22:00:00", false},
	} {
		s, err := Parse(c.span)
		if err != nil {
			t.Error(err)
		} else if got := s.Has(at(t, c.moment)); got != c.want {
			t.Errorf("%s at %s: %v, want %v", c.span, c.moment, got, c.want)
		}
	}
}

func TestWhatAreNoHours(t *testing.T) {
	for _, text := range []string{"", " ", "8-18", "08:00", "08:00-", "25:00-26:00", "24:00-06:00", "08:60-09:00", "08:00-08:00",
		"Sut", "Sat,", "Sat;Sun", "Mon-", "Mon 8", "08:00-18:00 Mon", "-1:00-02:00", "08:0-09:00", "008:00-09:00"} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q was read as %v", text, s)
		}
	}
}

func TestNextIsWhereHoursBeginOrEnd(t *testing.T) {
	for _, c := range []struct {
		spans      []string
		from, want string
	}{
		{[]string{"08:00-18:00"}, "2 07:00:00", "2 08:00:00"},
		{[]string{"08:00-18:00"}, "2 08:00:00", "2 18:00:00"},
		{[]string{"08:00-18:00"}, "2 18:00:00", "3 08:00:00"},
		{[]string{"22:00-06:00", "Sat,Sun"}, "5 12:00:00", "5 22:00:00"},
		{[]string{"Sat,Sun"}, "2 12:00:00", "7 00:00:00"},
		{[]string{"Sun"}, "1 12:00:00", "2 00:00:00"},
		{[]string{"Sun 10:00-12:00"}, "1 12:00:00", "8 10:00:00"},
		{[]string{"Mon-Fri 22:00-06:00"}, "7 06:00:00", "9 22:00:00"},
		{[]string{"01:30-03:00"}, "29 00:00:00", "29 01:30:00"}, // the night without 02:30
	} {
		var spans []Span
		for _, text := range c.spans {
			s, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, s)
		}
		if got := Next(at(t, c.from), spans...); !got.Equal(at(t, c.want)) {
			t.Errorf("after %s of %v: %v, want %v", c.from, c.spans, got, c.want)
		}
	}
	always, err := Parse("Mon-Sun")
	if err != nil {
		t.Fatal(err)
	}
	if got := Next(time.Now(), always); !got.IsZero() {
		t.Errorf("what is always ends at %v", got)
	}
	if !always.Has(time.Now()) {
		t.Error("always is not now")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Mon-Fri 22:00-06:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<33), 0).UTC()
		next := Next(now, s)
		if next.IsZero() {
			return
		}
		if !next.After(now) || s.Has(next) == s.Has(now) || s.Has(next.Add(-time.Second)) != s.Has(now) {
			t.Errorf("%q: next after %v (%v) is %v (%v)", text, now, s.Has(now), next, s.Has(next))
		}
	})
}
