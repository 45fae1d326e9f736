package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

func actRows() []*row {
	figures := []report.Figure{timeFigure, actFigure, durableFigure, wireFigure}
	return []*row{
		{name: "burst", title: "cp -a of the Go toolchain's src into the watched tree", note: "from the start of cp until equal",
			figures: figures, bounds: []report.Bound{atMostTimes("time", 1.3, "cp -a")}, floor: "cp -a", who: followers,
			prepare: prepareGoSource, run: act{plant: plantFew, deed: burst}.run},
		{name: "checkout", title: "git checkout between two distant commits of a repository with 10,000 files", note: "from the start of git until equal, .git included",
			figures: figures, bounds: []report.Bound{atMostTimes("time", 1.3, "git checkout")}, floor: "git checkout", who: followers,
			prepare: prepareRepository, run: act{plant: plantRepository, deed: checkout}.run},
		{name: "rename", title: "rename of a directory with 12,800 paths", note: "from before rename() until equal",
			figures: figures, bounds: []report.Bound{atMost("time", 0.020)}, floor: "rename()", who: followers,
			prepare: prepareGoSource, run: act{plant: plantDirectory, deed: rename}.run},
		{name: "rename-away", title: "the same while the city is away", note: "from the city's start until equal",
			figures: []report.Figure{timeFigure, durableFigure, wireFigure}, bounds: []report.Bound{atMost("wire", 64<<10)}, who: followers,
			prepare: prepareGoSource, run: act{plant: plantDirectory, deed: rename, away: true}.run},
		{name: "rm", title: "rm -r of a directory with 12,800 paths", note: "from the start of rm until equal; the city runs with --yes, it would hold before such a removal",
			figures: figures, bounds: []report.Bound{atMostTimes("time", 1.3, "rm -r")}, floor: "rm -r", who: followers,
			prepare: prepareGoSource, run: act{plant: plantDirectory, deed: remove, flags: []string{"--yes"}}.run},
	}
}

// plantFew makes a tree that is there already when something larger comes.
func plantFew(_ context.Context, _ *attempt, src string) error {
	return tree.Plant(src, 100, 10, 1<<10)
}

// plantDirectory adds the directory "before" with all that was prepared.
func plantDirectory(ctx context.Context, a *attempt, src string) error {
	if err := plantFew(ctx, a, src); err != nil {
		return err
	}
	return shell(ctx, `cp -a "$1" "$2"`, filepath.Join(a.shared(), "src"), filepath.Join(src, "before"))
}

func burst(a *attempt, src string) (deed, error) {
	from := filepath.Join(a.shared(), "src")
	states, err := statesAs(from, "", "came")
	return deed{
		do: func(ctx context.Context) error {
			return shell(ctx, `exec cp -a "$1" "$2"`, from, filepath.Join(src, "came"))
		},
		states: func() ([]tree.State, error) { return states, nil },
	}, err
}

func rename(_ *attempt, src string) (deed, error) {
	states, err := statesAs(src, "before", "after")
	states = append([]tree.State{{Path: "before", Gone: true}}, states...)
	return deed{
		do: func(context.Context) error {
			return os.Rename(filepath.Join(src, "before"), filepath.Join(src, "after"))
		},
		states: func() ([]tree.State, error) { return states, nil },
	}, err
}

func remove(_ *attempt, src string) (deed, error) {
	return deed{
		do:     func(ctx context.Context) error { return shell(ctx, `exec rm -r "$1"`, filepath.Join(src, "before")) },
		states: func() ([]tree.State, error) { return []tree.State{{Path: "before", Gone: true}}, nil },
	}, nil
}

// statesAs are the states beneath sub as they will be when it is called name.
func statesAs(root, sub, name string) ([]tree.State, error) {
	states, err := tree.States(root, sub)
	for i := range states {
		states[i].Path = filepath.Join(name, states[i].Path[len(sub):])
	}
	return states, err
}
