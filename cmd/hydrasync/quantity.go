package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/hydrasync/hydrasync/applier"
)

// duration is written 20ms, 10m, 24h; "0" is allowed, less is not. It is a flag
// value and a config value.
type duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(string(text))
	if err != nil || got < 0 {
		return fmt.Errorf("%q is not a duration: write it like 20ms, 30s, 10m or 24h", text)
	}
	*d = duration(got)
	return nil
}

// Set implements pflag.Value.
func (d *duration) Set(s string) error { return d.UnmarshalText([]byte(s)) }

// Type implements pflag.Value.
func (d *duration) Type() string { return "duration" }

// String is what Set reads, without the zero parts.
func (d *duration) String() string {
	s := time.Duration(*d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = strings.TrimSuffix(s, zero[1:])
		}
	}
	return s
}

// span is a duration that may also be written in whole days: 1d.
type span duration

// Set implements pflag.Value.
func (s *span) Set(text string) error {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.ParseUint(days, 10, 15)
		if err != nil {
			return fmt.Errorf("%q is not a number of days: write it like 1d or 30d", text)
		}
		*s = span(n) * span(24*time.Hour)
		return nil
	}
	return (*duration)(s).Set(text)
}

// Type implements pflag.Value.
func (s *span) Type() string { return "duration" }

// String is what Set reads.
func (s *span) String() string { return (*duration)(s).String() }

// size is a number of bytes, written 1GiB, 64KiB, 500MB or 4096.
type size int64

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size: write it like 64KiB, 500MB, 1GiB or 4096", text)
	}
	*s = size(n)
	return nil
}

// Set implements pflag.Value.
func (s *size) Set(text string) error { return s.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (s *size) Type() string { return "size" }

// String is what Set reads: whole powers of 1024 by their names.
func (s *size) String() string {
	for i, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if one := size(1) << (40 - 10*i); *s >= one && *s%one == 0 {
			return strconv.FormatInt(int64(*s/one), 10) + unit
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// bandwidth is a number of bytes per second, written 10MiB or 10MiB/s; 0 is no limit.
type bandwidth struct{ size }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *bandwidth) UnmarshalText(text []byte) error {
	if r.size.UnmarshalText([]byte(strings.TrimSuffix(string(text), "/s"))) != nil {
		return fmt.Errorf("%q is not a rate: write it like 10MiB/s or 500KB/s", text)
	}
	return nil
}

// Set implements pflag.Value.
func (r *bandwidth) Set(text string) error { return r.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (r *bandwidth) Type() string { return "rate" }

// String is what Set reads.
func (r *bandwidth) String() string {
	if r.size == 0 {
		return "0"
	}
	return r.size.String() + "/s"
}

// limit is how much may be deleted at once: a count, a percentage, or both.
type limit struct{ applier.Limit }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *limit) UnmarshalText(text []byte) (err error) {
	if l.Limit, err = applier.ParseLimit(string(text)); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "parse limit "))
	}
	return nil
}

// Set implements pflag.Value.
func (l *limit) Set(text string) error { return l.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (l *limit) Type() string { return "N|P%" }

// bytesText is a size for people.
func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// countText is a number for people.
func countText(n int64) string { return humanize.Comma(n) }

// tookText is a time span for people: three digits are enough.
func tookText(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
