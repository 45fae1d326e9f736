package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

const bigName = "big.img"

func bigFileRows() []*row {
	figures := []report.Figure{timeFigure, durableFigure, wireFigure, peakFigure}
	edit := func(name, what string, do func(*attempt, string) (deed, error), bounds ...report.Bound) *row {
		return &row{name: name, title: "1 GiB file: " + what, note: "from the end of the edit until equal; floor: cp of the file",
			figures: figures, bounds: bounds, floor: "cp", who: everybodyAnd(rsyncOnce, rsyncFlushed), prepare: prepareBig,
			run: func(ctx context.Context, a *attempt) (measured, error) {
				if a.floor {
					return a.floorCopy(ctx, pair{src: filepath.Join(a.shared(), "src"), dst: a.dst()}, `cp -p "$1"/* "$2/"`)
				}
				return act{plant: plantBig, deed: do, fromEnd: true}.run(ctx, a)
			}}
	}
	return []*row{
		{name: "big", title: "1 GiB file: first copy", note: "from the start of the processes until equal", figures: figures,
			bounds: []report.Bound{atMostTimes("durable", 1.2, "cp + sync")}, floor: "cp + sync", durable: true,
			who: everybodyAnd(rsyncOnce, rsyncFlushed), prepare: prepareBig,
			run: func(ctx context.Context, a *attempt) (measured, error) {
				if a.floor {
					p := pair{src: filepath.Join(a.shared(), "src"), dst: a.dst()}
					return a.floorCopy(ctx, p, `cp -p "$1"/* "$2/" && sync -f "$2"`)
				}
				return runFirstCopy(ctx, a)
			}},
		edit("big-edit", "64 KiB overwritten in the middle", overwriteMiddle, atMostTimes("time", 1.2, "cp"), atMost("wire", 1<<20)),
		edit("big-insert", "1 MiB inserted near the front", insertFront, atMostTimes("time", 1.2, "cp"), atMost("wire", 3<<20)),
		edit("big-append", "1 MiB appended", appendEnd, atMost("time", 0.050), atMost("wire", 1.1*(1<<20))),
	}
}

func prepareBig(_ context.Context, l *lab, shared string) error {
	return tree.PlantFile(filepath.Join(mustMake(filepath.Join(shared, "src")), bigName), int64(l.pick(1<<30, 8<<20)))
}

func plantBig(ctx context.Context, a *attempt, src string) error {
	return shell(ctx, `cp -a "$1" "$2/"`, filepath.Join(a.shared(), "src", bigName), src)
}

// edited is a deed on the big file.
func edited(src string, do func(f *os.File, size int64) error) deed {
	return deed{
		do: func(context.Context) error {
			f, err := os.OpenFile(filepath.Join(src, bigName), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			return do(f, info.Size())
		},
		states: bigState(src),
	}
}

func bigState(src string) func() ([]tree.State, error) {
	return func() ([]tree.State, error) {
		s, err := tree.Of(src, bigName)
		return []tree.State{s}, err
	}
}

func overwriteMiddle(_ *attempt, src string) (deed, error) {
	return edited(src, func(f *os.File, size int64) error {
		_, err := f.WriteAt(tree.Bytes(1, 64<<10), size/2+12345)
		return err
	}), nil
}

func appendEnd(_ *attempt, src string) (deed, error) {
	return edited(src, func(f *os.File, size int64) error {
		_, err := f.WriteAt(tree.Bytes(2, 1<<20), size)
		return err
	}), nil
}

// insertFront writes the new version beside the tree and renames it over the
// old one, as programs do that write a file anew.
func insertFront(a *attempt, src string) (deed, error) {
	fresh := filepath.Join(a.own(), "fresh")
	if err := writeInserted(filepath.Join(src, bigName), fresh); err != nil {
		return deed{}, err
	}
	return deed{
		do:     func(context.Context) error { return os.Rename(fresh, filepath.Join(src, bigName)) },
		states: bigState(src),
	}, nil
}

func writeInserted(from, to string) error {
	old, err := os.Open(from)
	if err != nil {
		return err
	}
	defer old.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyN(f, old, 4<<20); err != nil {
		return err
	}
	if _, err := f.Write(tree.Bytes(3, 1<<20)); err != nil {
		return err
	}
	if _, err := io.Copy(f, old); err != nil {
		return err
	}
	return f.Sync()
}
