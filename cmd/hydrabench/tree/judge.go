package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Judge compares two trees byte for byte.
type Judge struct {
	Carries Aspects
	Skip    []string // names in the roots that are the contestants' own
}

// enough differences are collected to see what is wrong.
const enough = 10

// Differences lists in what dst is not src: nothing if they are equal, a few lines if not.
func (j Judge) Differences(src, dst string) ([]string, error) {
	c := &comparison{Judge: j, src: src, dst: dst, a: make([]byte, 256<<10), b: make([]byte, 256<<10)}
	err := c.directory("")
	if errors.Is(err, errEnough) {
		err = nil
	}
	return c.found, err
}

// Prove is an error if there are differences.
func (j Judge) Prove(src, dst string) error {
	differ, err := j.Differences(src, dst)
	if err == nil && len(differ) > 0 {
		err = fmt.Errorf("the trees differ: %s", strings.Join(differ, "; "))
	}
	return err
}

var errEnough = errors.New("enough differences")

// comparison is one run of a judge.
type comparison struct {
	Judge
	src, dst string
	a, b     []byte
	found    []string
}

func (c *comparison) tell(path, what string) error {
	c.found = append(c.found, fmt.Sprintf("%q: %s", path, what))
	if len(c.found) == enough {
		return errEnough
	}
	return nil
}

// directory compares what is beneath two directories that both exist.
func (c *comparison) directory(dir string) error {
	want, err := c.names(c.src, dir)
	if err != nil {
		return err
	}
	got, err := c.names(c.dst, dir)
	if err != nil {
		return err
	}
	for len(want)+len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0] < got[0]:
			err = c.tell(path.Join(dir, want[0]), "missing")
			want = want[1:]
		case len(want) == 0 || got[0] < want[0]:
			err = c.tell(path.Join(dir, got[0]), "too much")
			got = got[1:]
		default:
			err = c.node(path.Join(dir, want[0]))
			want, got = want[1:], got[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) names(root, dir string) ([]string, error) {
	entries, err := os.ReadDir(join(root, dir))
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if dir != "" || !slices.Contains(c.Skip, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (c *comparison) node(path string) error {
	want, err := Of(c.src, path)
	if err != nil {
		return err
	}
	got, err := Of(c.dst, path)
	if err != nil {
		return err
	}
	if want.Gone || got.Gone {
		return c.tell(path, "went while it was compared")
	}
	if what := want.differs(&got, c.Carries); what != "" {
		return c.tell(path, what)
	}
	switch {
	case want.Mode.IsDir():
		return c.directory(path)
	case want.Mode.IsRegular() && want.Size > 0:
		return c.content(path)
	}
	return nil
}

// content reads both files to their ends.
func (c *comparison) content(path string) error {
	a, err := os.Open(join(c.src, path))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(join(c.dst, path))
	if err != nil {
		return err
	}
	defer b.Close()
	for {
		n, errA := io.ReadFull(a, c.a)
		m, errB := io.ReadFull(b, c.b)
		if !bytes.Equal(c.a[:n], c.b[:m]) {
			return c.tell(path, "content")
		}
		if errA != nil || errB != nil {
			return errors.Join(real(errA), real(errB))
		}
	}
}

// real takes away the ends of files, which are no errors.
func real(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
