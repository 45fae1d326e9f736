package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// crowd is many cities in this process that have no disk: they only confirm.
type crowd struct {
	running sync.WaitGroup
	end     context.CancelFunc
	members []*member
}

// member is one of them.
type member struct {
	mu       sync.Mutex
	position journal.Position
	arrived  []time.Time // of the changes, by number
}

// changePath names the file of a change, so that members know what arrives.
func changePath(i int) string { return "change-" + strconv.Itoa(i) }

// Position and what follows make it a [stream.Subscriber].
func (m *member) Position(context.Context) (journal.Position, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position, false, nil
}

func (m *member) Begin(context.Context, stream.Welcome) error  { return nil }
func (m *member) Heartbeat(context.Context, stream.Beat) error { return nil }
func (m *member) Late() <-chan struct{}                        { return nil }

func (m *member) Prepare(_ context.Context, b stream.Batch) stream.Work {
	return stream.Undivided(func(context.Context) (journal.Position, error) {
		m.take(b)
		return b.Position, nil
	})
}

func (m *member) take(b stream.Batch) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Entries {
		if n, ok := strings.CutPrefix(b.Entries[i].Path, "change-"); ok {
			if i := number(n); i < len(m.arrived) {
				m.arrived[i] = now
			}
		}
	}
	if !b.Position.IsZero() {
		m.position = b.Position
	}
}

// at is when a change arrived; zero if it has not.
func (m *member) at(i int) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arrived[i]
}

func (m *member) follows() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.position.IsZero()
}

// joinTogether is how many connect at once: a capitol has few places for those
// that have not said yet who they are.
const joinTogether = 64

// gather connects n cities to a capitol, which will be told of so many changes,
// and returns when all follow.
func gather(ctx context.Context, url string, n, changes int) (*crowd, error) {
	life, end := context.WithCancel(ctx)
	c := &crowd{end: end}
	for len(c.members) < n {
		for range min(joinTogether, n-len(c.members)) {
			if err := c.join(life, stream.ClientConfig{URL: url, City: "crowd"}, changes); err != nil {
				c.leave()
				return nil, err
			}
		}
		if err := c.all(ctx, (*member).follows); err != nil {
			c.leave()
			return nil, fmt.Errorf("of %d cities: %w", len(c.members), err)
		}
	}
	return c, nil
}

func (c *crowd) join(life context.Context, conf stream.ClientConfig, changes int) error {
	client, err := stream.NewClient(conf)
	if err != nil {
		return err
	}
	m := &member{arrived: make([]time.Time, changes)}
	c.members = append(c.members, m)
	c.running.Go(func() { _ = client.Run(life, m) }) // who did not follow is noticed
	return nil
}

// all waits until something is true of every member.
func (c *crowd) all(ctx context.Context, good func(*member) bool) error {
	for deadline := time.Now().Add(time.Minute); ; tree.Pause(5 * time.Millisecond) {
		lacking := 0
		for _, m := range c.members {
			if !good(m) {
				lacking++
			}
		}
		switch {
		case lacking == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%d do not follow after a minute", lacking)
		}
	}
}

func (c *crowd) leave() {
	c.end()
	c.running.Wait()
}

// tell writes the i-th change into the tree, and returns how long it took to
// reach each of the members.
func (c *crowd) tell(ctx context.Context, root string, i, size int, members []*member) ([]time.Duration, error) {
	s := &save{path: changePath(i), content: tree.Bytes(uint64(i), size)}
	if err := writePlain(root, s); err != nil {
		return nil, err
	}
	if err := (&crowd{members: members}).all(ctx, func(m *member) bool { return !m.at(i).IsZero() }); err != nil {
		return nil, err
	}
	var lag []time.Duration
	for _, m := range members {
		lag = append(lag, m.at(i).Sub(s.began))
	}
	slices.Sort(lag)
	return lag, nil
}

// slowReader is a connection's config that takes so many bytes a second, with a
// receive buffer that hides little of it.
func slowReader(url string, bytesPerSecond int) stream.ClientConfig {
	return stream.ClientConfig{URL: url, City: "slow", Limit: rate.NewLimiter(rate.Limit(bytesPerSecond), bytesPerSecond),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			if tcp, ok := c.(*net.TCPConn); ok && err == nil {
				err = tcp.SetReadBuffer(8 << 10)
			}
			return c, err
		}}
}

// alone is a capitol without a city of its own, on a small tree.
func (a *attempt) alone(ctx context.Context) (*highway, error) {
	if err := tree.Plant(a.src(), 100, 10, 1<<10); err != nil {
		return nil, err
	}
	h := &highway{program: a.program, pair: a.pair()}
	err := h.startCapitol(ctx)
	if err == nil {
		err = h.ready(ctx)
	}
	if err != nil {
		h.stop()
		return nil, err
	}
	a.rest()
	return h, nil
}
