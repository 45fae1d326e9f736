package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hydrasync/hydrasync/applier"
)

// boundsConf is how much a highway may take, of a disk and of a link. Zero is no bound.
type boundsConf struct {
	MaxBytes size  `toml:"max_bytes"`
	MaxPaths count `toml:"max_paths"`
	MinFree  floor `toml:"min_free"`
	Limit    rates `toml:"limit"`
}

// within makes the bounds no wider than others.
func (b *boundsConf) within(o *boundsConf) {
	b.MaxBytes, b.MaxPaths = smaller(b.MaxBytes, o.MaxBytes), smaller(b.MaxPaths, o.MaxPaths)
	b.MinFree.Bytes, b.MinFree.Percent = max(b.MinFree.Bytes, o.MinFree.Bytes), max(b.MinFree.Percent, o.MinFree.Percent)
	if len(o.Limit.rules) > 0 {
		b.Limit.most = &o.Limit
	}
}

// smaller is the smaller one of two bounds.
func smaller[N ~int64](a, b N) N {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func (b *boundsConf) quota() applier.Quota {
	return applier.Quota{Bytes: int64(b.MaxBytes), Paths: int64(b.MaxPaths)}
}

// problem is about what a file says; at is the table.
func (b *boundsConf) problem(at string) *problem {
	if b.MaxPaths < 0 {
		return &problem{at + "max_paths", fmt.Sprintf("max_paths is %d", b.MaxPaths), "write max_paths = 1000000; 0 is no bound"}
	}
	return b.Limit.problem(at + "limit")
}

// text is what a replica has of what it may have, for people; "" if there is no bound.
func (b *boundsConf) text(paths, bytes int64) string {
	var parts []string
	if b.MaxBytes > 0 {
		parts = append(parts, bytesText(bytes)+" of "+b.MaxBytes.String())
	}
	if b.MaxPaths > 0 {
		parts = append(parts, countText(paths)+" of "+countText(int64(b.MaxPaths))+" paths")
	}
	if !b.MinFree.IsZero() {
		parts = append(parts, b.MinFree.String()+" of the disk stay free")
	}
	return strings.Join(parts, ", ")
}

// count is a number of things, not less than none.
type count int64

// Set implements pflag.Value.
func (c *count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 62)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number: write it like 1000", text)
	}
	*c = count(n)
	return nil
}

// Type implements pflag.Value.
func (c *count) Type() string { return "number" }

// String is what Set reads.
func (c *count) String() string { return strconv.FormatInt(int64(*c), 10) }

// floor is how much of a disk stays free, written 10GiB or 5%.
type floor struct{ applier.Floor }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *floor) UnmarshalText(text []byte) (err error) {
	f.Floor, err = applier.ParseFloor(string(text))
	return err
}

// Set implements pflag.Value.
func (f *floor) Set(text string) error { return f.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (f *floor) Type() string { return "size|P%" }

// String is what Set reads.
func (f *floor) String() string {
	switch bytes := size(f.Bytes); {
	case f.IsZero():
		return "0"
	case f.Percent == 0:
		return bytes.String()
	case f.Bytes == 0:
		return f.Floor.String()
	default: // a plan's and a machine's own
		return bytes.String() + " and " + f.Floor.String()
	}
}
