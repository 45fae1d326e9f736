package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/wire"
)

// The far road of the wide rows.
const (
	wideTrip   = 50 * time.Millisecond
	wideRate   = 50e6 / 8 // bytes a second
	wideFloor  = "bytes ÷ bandwidth"
	rsyncWide  = "rsync daemon"
	wideRowTip = "50 ms round trip, 50 Mbit/s, bytes that cannot be compressed; rsync as a daemon through the same road"
)

func wideRows() []*row {
	base := row{note: wideRowTip, figures: []report.Figure{timeFigure, durableFigure, wireFigure}, floor: wideFloor,
		who: []string{hydrasync, rsyncWide}, run: runWide}
	large, small := base, base
	large.name, large.title = "wide-large", "first copy of a 64 MiB file, far away"
	large.bounds = []report.Bound{atMostTimes("time", 1.1, wideFloor)}
	large.prepare = func(_ context.Context, l *lab, shared string) error {
		return tree.PlantFile(filepath.Join(mustMake(filepath.Join(shared, "src")), bigName), int64(l.pick(64<<20, 1<<20)))
	}
	small.name, small.title = "wide-small", "first copy of 12,800 files of 4 KiB, far away"
	small.bounds = []report.Bound{atMostTimes("time", 2, wideFloor)}
	small.prepare = func(_ context.Context, l *lab, shared string) error {
		return tree.Plant(filepath.Join(shared, "src"), l.pick(12_800, 200), l.pick(1280, 20), 4<<10)
	}
	return []*row{&large, &small}
}

func runWide(ctx context.Context, a *attempt) (measured, error) {
	p := a.pair()
	p.src = filepath.Join(a.shared(), "src")
	states, err := tree.States(p.src, "")
	if err != nil {
		return nil, err
	}
	if a.floor {
		var bytes int64
		for _, s := range states {
			bytes += s.Size
		}
		return measured{"time": float64(bytes) / wideRate}, nil
	}
	road := &wire.Road{RoundTrip: wideTrip, Rate: wideRate}
	p.through = road.Open
	began := time.Now()
	f, err := a.who.follow(ctx, p)
	defer road.Close()
	if err != nil {
		return nil, err
	}
	defer f.stop()
	return a.clock(ctx, f, p, began, states, 0)
}

const rsyncdConf = `use chroot = no
address = 127.0.0.1
[bench]
path = %s
read only = yes
uid = %d
gid = %d
`

// newRsyncWide is one copy from a daemon; it follows nothing, but has two ends.
func newRsyncWide() *contestant {
	return &contestant{name: rsyncWide, needs: []string{"rsync"}, carries: tree.Everything,
		follow: func(ctx context.Context, p pair) (following, error) {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			conf := filepath.Join(p.own, "rsyncd.conf")
			if err := os.WriteFile(conf, fmt.Appendf(nil, rsyncdConf, p.src, os.Getuid(), os.Getgid()), 0o600); err != nil {
				return nil, err
			}
			daemon, err := spawn(nil, nil, "rsync", "--daemon", "--no-detach", "--config="+conf, "--port="+strconv.Itoa(port))
			if err != nil {
				return nil, err
			}
			d := &rsyncDaemon{pair: p, daemon: daemon}
			if err := d.open(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
				d.stop()
				return nil, err
			}
			return d, d.back(ctx)
		}}
}

// rsyncDaemon is a daemon and the rsync that copies from it.
type rsyncDaemon struct {
	pair           pair
	road           string
	daemon, copier *process
}

// open waits until the daemon listens.
func (d *rsyncDaemon) open(ctx context.Context, addr string) (err error) {
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			break
		}
		if ctx.Err() != nil || !d.daemon.running() {
			return fmt.Errorf("rsync --daemon does not listen: %w", err)
		}
		tree.Pause(time.Millisecond)
	}
	d.road, err = d.pair.through(addr)
	return err
}

func (d *rsyncDaemon) back(context.Context) (err error) {
	d.copier, err = spawn(nil, nil, "rsync", "-a", "--delete", "rsync://"+d.road+"/bench/", d.pair.dst+"/")
	if err == nil {
		d.copier.mayEnd = true
	}
	return err
}

func (d *rsyncDaemon) away() error {
	d.copier.stop()
	return nil
}

func (d *rsyncDaemon) processes() []*process {
	if d.copier == nil {
		return []*process{d.daemon}
	}
	return []*process{d.daemon, d.copier}
}

func (d *rsyncDaemon) stop() {
	for _, p := range d.processes() {
		p.stop()
	}
}
