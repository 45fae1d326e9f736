package watcher

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A digest counts if the file is after the reading what it was before. One that only
// grew counts as what it was, where bytes at its end are no reason for doubt.
func TestAReadingCountsOnlyIfTheFileStayedAsItWas(t *testing.T) {
	write := func(path, text string, flags int) error {
		f, err := os.OpenFile(path, flags|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(text)
		return err
	}
	for _, c := range []struct {
		what    string
		change  func(path string) error
		content content
		want    error
	}{
		{"nothing", func(string) error { return nil }, content{idle: true}, nil},
		{"other bytes", func(p string) error { return write(p, "ohter", 0) }, content{idle: true}, errChanged},
		{"fewer bytes", func(p string) error { return os.Truncate(p, 2) }, content{idle: true}, errChanged},
		{"more bytes, and nobody had it open", func(p string) error { return write(p, "x", os.O_APPEND) }, content{idle: true}, errChanged},
		{"more bytes of a log", func(p string) error { return write(p, "x", os.O_APPEND) }, content{idle: true, grown: true}, nil},
		{"more bytes of a file that is open", func(p string) error { return write(p, "x", os.O_APPEND) }, content{}, nil},
		{"another time", func(p string) error { return os.Chtimes(p, time.Now(), time.Unix(7, 0)) }, content{idle: true}, errChanged},
		{"another mode", func(p string) error { return os.Chmod(p, 0o600) }, content{idle: true}, errChanged},
	} {
		t.Run(c.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte("other"), 0o644); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(path, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if c.content.st, err = statAt(fd, ""); err != nil {
				t.Fatal(err)
			}
			c.content.size = c.content.st.size
			for again := true; again; { // where times are coarse the change has to fall into another tick
				if err := c.change(path); err != nil {
					t.Fatal(err)
				}
				st, err := statAt(fd, "")
				if err != nil {
					t.Fatal(err)
				}
				again = c.what == "other bytes" && st == c.content.st
			}
			if err := settle(fd, &c.content); err != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
