package main

import (
	"context"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

func fanOutRows() []*row {
	return []*row{
		{name: "fanout", title: "1,000 cities on one capitol, one change of 16 KiB", note: "from close() until 99 % of the cities have it; the cities live in hydrabench, have no disk and only confirm",
			figures: []report.Figure{p99Figure, worstFigure, {Key: "each", Label: "memory a city", Unit: report.Bytes},
				{Key: "read", Label: "read by the capitol for a change", Unit: report.Bytes}},
			bounds: []report.Bound{atMost("p99", 0.150), atMost("each", 64<<10), atMost("read", 4*fanOutSize)},
			who:    []string{hydrasync}, run: runFanOut},
		{name: "slowcity", title: "100 cities, one of them reads 10 KiB/s, while 64 KiB change 20 times a second", note: "99th over all changes and the other cities, with and without it",
			figures: []report.Figure{p99Figure, {Key: "without", Label: "99th without it", Unit: report.Seconds},
				{Key: "grown", Label: "the capitol's memory grew by", Unit: report.Bytes}, {Key: "grown-without", Label: "without it by", Unit: report.Bytes}},
			bounds: []report.Bound{{Figure: "p99", Limit: 1.5, Of: hydrasync, OfKey: "without"}, atMost("grown", 16<<20)},
			who:    []string{hydrasync}, run: runSlowCity},
	}
}

const fanOutSize = 16 << 10

func runFanOut(ctx context.Context, a *attempt) (measured, error) {
	cities, changes := a.pick(1000, 20), a.pick(10, 3)
	h, err := a.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	before := usageOf(h.processes()).resident
	c, err := gather(ctx, h.url(), cities, changes)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	time.Sleep(time.Duration(a.pick(10, 1)) * time.Second) // all handshakes are over and forgotten
	each := float64(usageOf(h.processes()).resident-before) / float64(cities)
	var p99, worst, read []float64
	for i := range changes {
		pages, got := readBytes(h.capitol.pid()), int64(0)
		if got, err = received(h); err != nil {
			return nil, err
		}
		lag, err := c.tell(ctx, a.src(), i, fanOutSize, c.members)
		if err != nil {
			return nil, err
		}
		after, err := received(h)
		if err != nil {
			return nil, err
		}
		read = append(read, float64(readBytes(h.capitol.pid())-pages-(after-got)))
		s := report.InSeconds(lag)
		p99, worst = append(p99, report.Percentile(s, 99)), append(worst, report.Percentile(s, 100))
		time.Sleep(time.Second) // the proofs after a change are not the next one's business
	}
	return measured{"p99": report.Median(p99), "worst": slices.Max(worst), "each": each, "read": report.Median(read)}, nil
}

// received is what the capitol read from its sockets.
func received(h *highway) (int64, error) {
	c, err := h.carried()
	return c.Received, err
}

func runSlowCity(ctx context.Context, a *attempt) (measured, error) {
	cities, changes := a.pick(99, 9), a.pick(100, 10)
	h, err := a.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	c, err := gather(ctx, h.url(), cities, 3*changes)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	fast := slices.Clone(c.members)
	if _, _, err := a.tellMany(ctx, h, c, fast, 0, changes); err != nil { // warm
		return nil, err
	}
	without, grownWithout, err := a.tellMany(ctx, h, c, fast, changes, changes)
	if err != nil {
		return nil, err
	}
	slow, err := a.tellWithSlow(ctx, h, c, fast, changes)
	if err != nil {
		return nil, err
	}
	slow["without"], slow["grown-without"] = without, grownWithout
	return slow, nil
}

// tellWithSlow is the second half: the slow city joins, and lags behind more and more.
func (a *attempt) tellWithSlow(ctx context.Context, h *highway, c *crowd, fast []*member, changes int) (measured, error) {
	life, end := context.WithCancel(ctx)
	defer end()
	if err := c.join(life, slowReader(h.url(), 10<<10), 3*changes); err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // it has begun to read what is there, and will not end
	p99, grown, err := a.tellMany(ctx, h, c, fast, 2*changes, changes)
	return measured{"p99": p99, "grown": grown}, err
}

// tellMany makes changes and returns the 99th percentile of their lag and by how
// much the capitol's memory grew.
func (a *attempt) tellMany(ctx context.Context, h *highway, c *crowd, fast []*member, from, n int) (p99, grown float64, err error) {
	before := usageOf(h.processes()).resident
	var all []time.Duration
	for i := range n {
		lag, err := c.tell(ctx, a.src(), from+i, 64<<10, fast)
		if err != nil {
			return 0, 0, err
		}
		all = append(all, lag...)
		time.Sleep(50 * time.Millisecond)
	}
	return report.Percentile(report.InSeconds(all), 99), float64(usageOf(h.processes()).resident - before), nil
}
