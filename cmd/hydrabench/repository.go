package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// A repository of many files and two commits that lie far apart, made on the
// spot: a third of the files is edited, a tenth removed, a tenth added, a tenth
// moved to other directories.

const gitEach = `git -C "$1" -c gc.auto=0 -c user.name=bench -c user.email=bench@invalid `

func prepareRepository(ctx context.Context, l *lab, shared string) error {
	dir := mustMake(filepath.Join(shared, "repository"))
	files, dirs := l.pick(12_000, 300), l.pick(800, 20)
	if err := shell(ctx, `git init -q "$1"`, dir); err != nil {
		return err
	}
	random := rand.New(tree.Random(3))
	for i := range files {
		if err := writeSource(random, dir, tree.PlantedPath(i, dirs)); err != nil {
			return err
		}
	}
	if err := commit(ctx, dir, "near"); err != nil {
		return err
	}
	for i := range files {
		if err := drift(random, dir, i, dirs); err != nil {
			return err
		}
	}
	if err := commit(ctx, dir, "far"); err != nil {
		return err
	}
	return shell(ctx, gitEach+`checkout -q near && `+gitEach+`repack -adq`, dir) // packed, as what is cloned
}

func commit(ctx context.Context, dir, tag string) error {
	return shell(ctx, gitEach+`add -A && `+gitEach+`commit -q -m "$2" && `+gitEach+`tag "$2"`, dir, tag)
}

// drift is what happens to the i-th file between the two commits.
func drift(random *rand.Rand, dir string, i, dirs int) error {
	path := tree.PlantedPath(i, dirs)
	switch random.IntN(10) {
	case 0, 1, 2:
		return writeSource(random, dir, path)
	case 3:
		return os.Remove(filepath.Join(dir, path))
	case 4:
		return writeSource(random, dir, fmt.Sprintf("new%03d/f%07d.txt", i%dirs/4, i))
	case 5:
		to := filepath.Join(dir, fmt.Sprintf("moved%03d", i%97))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, path), filepath.Join(to, filepath.Base(path)))
	}
	return nil
}

// writeSource writes something like source code, 12 KiB at most.
func writeSource(random *rand.Rand, dir, path string) error {
	var b strings.Builder
	for range 20 + random.IntN(300) {
		fmt.Fprintf(&b, "\tvalue%d := compute(%d, %q) // %x\n", random.IntN(100), random.IntN(1e6), path, random.Uint32())
	}
	file := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// plantRepository copies it; git looks at all files once, so that the checkout
// does not have to.
func plantRepository(ctx context.Context, a *attempt, src string) error {
	return shell(ctx, `cp -a "$2/." "$1/" && git -C "$1" status --porcelain`, src, filepath.Join(a.shared(), "repository"))
}

func checkout(_ *attempt, src string) (deed, error) {
	return deed{
		do:     func(ctx context.Context) error { return shell(ctx, gitEach+`checkout -q far`, src) },
		states: func() ([]tree.State, error) { return tree.States(src, "") },
	}, nil
}
