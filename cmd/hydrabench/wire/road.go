package wire

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Road is a long, narrow road to a TCP address: what enters it leaves it half a
// round trip later, and no faster than its rate, in each direction by itself.
type Road struct {
	RoundTrip time.Duration
	Rate      float64 // bytes a second

	listener net.Listener
	to       string
	running  sync.WaitGroup
	ctx      context.Context // ends with Close; the road's own, nobody's call
	end      context.CancelFunc
}

const (
	parcel    = 16 << 10 // bytes that travel together
	onTheRoad = 64       // parcels that are on their way at most: more than fit into any round trip here
	sockets   = 128 << 10
)

// Open begins to listen on loopback, for connections that go on to an address.
func (r *Road) Open(to string) (addr string, err error) {
	if r.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	r.to = to
	r.ctx, r.end = context.WithCancel(context.Background())
	r.running.Go(r.accept)
	return r.listener.Addr().String(), nil
}

// Close ends all connections and returns when nothing runs any more. A road that was
// never opened is closed.
func (r *Road) Close() error {
	if r.end == nil {
		return nil
	}
	r.end()
	err := r.listener.Close()
	r.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

func (r *Road) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.carry(near) })
	}
}

// carry joins two connections. A connection is there a round trip after it was
// asked for.
func (r *Road) carry(near net.Conn) {
	defer near.Close()
	pause(r.ctx, r.RoundTrip)
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	ctx, end := context.WithCancel(r.ctx)
	defer end()
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { r.lane(ctx, near, far, end) })
	both.Go(func() { r.lane(ctx, far, near, end) })
	both.Wait()
}

// sent is what is on its way.
type sent struct {
	bytes []byte
	due   time.Time
}

// lane carries one direction until its source ends; then, once all has arrived,
// the whole connection does.
func (r *Road) lane(ctx context.Context, from, to net.Conn, end func()) {
	defer end()
	if tcp, ok := from.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(sockets) // a large one would be a road of its own
	}
	road := make(chan sent, onTheRoad)
	var out sync.WaitGroup
	out.Go(func() {
		for s := range road {
			pause(ctx, time.Until(s.due))
			if _, err := to.Write(s.bytes); err != nil {
				end()
			}
		}
	})
	defer out.Wait()
	defer close(road)
	free := time.Now() // when the narrow place is free again
	for {
		b := make([]byte, parcel)
		n, err := from.Read(b)
		if n > 0 {
			if now := time.Now(); free.Before(now) {
				free = now
			}
			free = free.Add(time.Duration(float64(n) / r.Rate * 1e9))
			select {
			case road <- sent{b[:n], free.Add(r.RoundTrip / 2)}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	clock := time.NewTimer(d)
	defer clock.Stop()
	select {
	case <-clock.C:
	case <-ctx.Done():
	}
}
