package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// changedFigure is how many bytes were written anew.
var changedFigure = report.Figure{Key: "changed", Label: "changed", Unit: report.Bytes}

func awayRows() []*row {
	return []*row{{name: "away", title: "500 of 12,800 files changed while the city was away",
		note:    "from the city's start until equal; the new bytes cannot be compressed; rsync: one copy",
		figures: []report.Figure{timeFigure, durableFigure, wireFigure, changedFigure},
		bounds:  []report.Bound{atMost("time", 0.25), {Figure: "wire", Limit: 1.2, Of: hydrasync, OfKey: "changed"}},
		who:     everybodyAnd(rsyncOnce, rsyncFlushed), prepare: prepareGoSource, run: runAway}}
}

func runAway(ctx context.Context, a *attempt) (measured, error) {
	var changed int64
	t := act{plant: plantDirectory, away: true, deed: func(a *attempt, src string) (deed, error) {
		files, err := someFiles(src, a.pick(500, 20))
		var states []tree.State
		return deed{
			do: func(context.Context) (err error) {
				states, err = overwriteEach(src, files)
				return err
			},
			states: func() ([]tree.State, error) {
				for _, s := range states {
					changed += s.Size
				}
				return states, nil
			},
		}, err
	}}
	out, err := t.run(ctx, a)
	if err == nil && a.who.copy == nil {
		out["changed"] = float64(changed)
	}
	return out, err
}

// someFiles chooses n regular files of a tree at random, always the same.
func someFiles(root string, n int) ([]tree.State, error) {
	states, err := tree.States(root, "")
	files := tree.Files(states)
	rand.New(tree.Random(5)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files[:min(n, len(files))], err
}

// overwriteEach gives each file as many other bytes, and returns what is there then.
func overwriteEach(root string, files []tree.State) (states []tree.State, err error) {
	for i, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.Path), tree.Bytes(uint64(5000+i), int(f.Size)), 0o644); err != nil {
			return nil, err
		}
		s, err := tree.Of(root, f.Path)
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}
