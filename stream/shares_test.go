package stream

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// sender sends as fast as it gets its share, and takes so long for each piece itself.
func sender(ctx context.Context, s *shares, each time.Duration) *atomic.Int64 {
	return senderOf(ctx, s, sharePiece, each)
}

func senderOf(ctx context.Context, s *shares, piece int, each time.Duration) *atomic.Int64 {
	sent := new(atomic.Int64)
	go func() {
		var f flow
		for s.wait(ctx, &f, piece) == nil {
			sent.Add(int64(piece))
			select {
			case <-time.After(each):
			case <-ctx.Done():
			}
		}
	}()
	return sent
}

// near says whether got is want, but for some pieces.
func near(got, want int64) bool { return got > want-6*sharePiece && got < want+6*sharePiece }

func TestConnectionsShareALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &shares{limit: rate.NewLimiter(1<<20, 64<<10)}
		first := sender(ctx, s, 0)
		time.Sleep(10 * time.Second)
		if got := first.Load(); !near(got, 10<<20) {
			t.Errorf("alone: %d bytes", got)
		}
		brief, leave := context.WithCancel(ctx)
		second := sender(brief, s, 0)
		// A slow reader takes a piece in a second: what it does not take is the others'.
		slow := sender(ctx, s, time.Second)
		first.Store(0)
		time.Sleep(10 * time.Second)
		if a, b, c := first.Load(), second.Load(), slow.Load(); !near(a, 5<<20-5*sharePiece) || !near(b, 5<<20-5*sharePiece) || !near(c, 10*sharePiece) {
			t.Errorf("together: %d, %d and %d bytes", a, b, c)
		}
		leave()
		first.Store(0)
		time.Sleep(10 * time.Second)
		if got := first.Load(); !near(got, 10<<20-10*sharePiece) {
			t.Errorf("after the other has gone: %d bytes", got)
		}
		third := sender(ctx, s, 0) // it did not save up what it did not take
		first.Store(0)
		time.Sleep(time.Second)
		if a, b := first.Load(), third.Load(); !near(a, 1<<19) || !near(b, 1<<19) {
			t.Errorf("with a new one: %d and %d bytes", a, b)
		}
	})
}

// Shares are of bytes, not of pieces.
func TestSmallPiecesGetTheirShareToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &shares{limit: rate.NewLimiter(1<<20, 64<<10)}
		large, small := sender(ctx, s, 0), senderOf(ctx, s, sharePiece/8, 0)
		time.Sleep(10 * time.Second)
		if a, b := large.Load(), small.Load(); !near(a, 5<<20) || !near(b, 5<<20) {
			t.Errorf("%d bytes in large pieces, %d in small ones", a, b)
		}
	})
}

func TestWhoGivesUpHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &shares{limit: rate.NewLimiter(1<<20, 64<<10)}
		steady := sender(ctx, s, 0)
		for range 200 {
			brief, leave := context.WithTimeout(ctx, 3*time.Millisecond)
			sender(brief, s, 0)
			synctest.Wait()
			time.Sleep(3 * time.Millisecond)
			leave()
		}
		steady.Store(0)
		time.Sleep(10 * time.Second)
		if got := steady.Load(); !near(got, 10<<20) {
			t.Errorf("%d bytes", got)
		}
	})
}

func TestAClosedConnectionWaitsForNoShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		c := &sharedConn{Conn: here, shares: &shares{limit: rate.NewLimiter(1, 64<<10)}}
		c.life, c.end = context.WithCancel(context.Background())
		go func() {
			var b [1 << 10]byte
			for {
				if _, err := there.Read(b[:]); err != nil {
					return
				}
			}
		}()
		done := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 1<<20))
			done <- err
		}()
		synctest.Wait()
		c.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// The time that a write may take is for the socket, not for the others who share the limit.
func TestWaitingForAShareIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer here.Close()
		c := &sharedConn{Conn: here, shares: &shares{limit: rate.NewLimiter(sharePiece, sharePiece)}}
		c.life, c.end = context.WithCancel(context.Background())
		defer c.end()
		go func() {
			var b [1 << 10]byte
			for {
				if _, err := there.Read(b[:]); err != nil {
					return
				}
			}
		}()
		c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := c.Write(make([]byte, 5*sharePiece)); err != nil {
			t.Error(err)
		}
		there.Close()
	})
}
