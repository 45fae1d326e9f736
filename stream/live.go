package stream

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// writeStep is written under one deadline: a slow link that moves at all is
// not cut, whatever the size of a frame.
const writeStep = 64 << 10

// handshakeBytes are enough for certificates and headers: a peer that has not
// shaken hands cannot make this side read for ever.
const handshakeBytes = 256 << 10

// liveConn is a connection that fails when the other end is silent or stuck.
// Its deadlines are for progress, not for messages: each read and each step
// of a write has [liveConn.arm]'s time. Until armed, the deadlines that others set hold.
type liveConn struct {
	net.Conn
	idle  atomic.Int64  // ns
	moved atomic.Int64  // when more than a heartbeat was written last, ns since 1970
	limit *rate.Limiter // of reads; nil: none
	quota atomic.Int64  // bytes that may still be read before arm
	ctx   context.Context
}

// newLive wraps c. Waiting for limit ends with ctx: the connection's life.
func newLive(ctx context.Context, c net.Conn, limit *rate.Limiter) *liveConn {
	l := &liveConn{Conn: c, limit: limit, ctx: ctx}
	l.quota.Store(handshakeBytes)
	return l
}

// arm makes idle the longest silence, in the kernel too: bytes that are not
// acknowledged for so long end the connection (TCP_USER_TIMEOUT), which finds
// a vanished peer even while nothing is read.
func (l *liveConn) arm(idle time.Duration) {
	l.idle.Store(int64(idle))
	setUserTimeout(l.Conn, idle)
}

// disarm leaves what is written from now on one deadline.
func (l *liveConn) disarm(within time.Duration) {
	l.idle.Store(0)
	_ = l.SetWriteDeadline(time.Now().Add(within))
}

// heartbeatMost bytes say only that this end lives.
const heartbeatMost = 512

// lastMoved is when something else than heartbeats was written last.
func (l *liveConn) lastMoved() time.Time { return time.Unix(0, l.moved.Load()) }

// NetConn lets the socket's options be reached.
func (l *liveConn) NetConn() net.Conn { return l.Conn }

func (l *liveConn) Read(p []byte) (int, error) {
	if l.limit != nil && len(p) > l.limit.Burst() {
		p = p[:max(1, l.limit.Burst())]
	}
	if idle := l.idle.Load(); idle > 0 {
		if err := l.SetReadDeadline(time.Now().Add(time.Duration(idle))); err != nil {
			return 0, err
		}
	}
	n, err := l.Conn.Read(p)
	if l.idle.Load() == 0 && l.quota.Add(-int64(n)) < 0 {
		return 0, broken("more than %d bytes before the first frame", handshakeBytes)
	}
	if n > 0 && l.limit != nil {
		if werr := l.wait(n); werr != nil && err == nil {
			err = werr
		}
	}
	return n, err
}

// wait until the limit lets so many bytes through. The limit may change meanwhile.
func (l *liveConn) wait(n int) error {
	for n > 0 {
		step := min(n, max(1, l.limit.Burst()))
		if err := l.limit.WaitN(l.ctx, step); err == nil {
			n -= step
		} else if l.ctx.Err() != nil || step <= l.limit.Burst() {
			return err
		}
	}
	return nil
}

func (l *liveConn) Write(p []byte) (done int, err error) {
	idle := time.Duration(l.idle.Load())
	if idle == 0 {
		return l.Conn.Write(p)
	}
	for done < len(p) {
		if err := l.SetWriteDeadline(time.Now().Add(idle)); err != nil {
			return done, err
		}
		n, err := l.Conn.Write(p[done:min(len(p), done+writeStep)])
		done += n
		if err != nil {
			return done, err
		}
		if n > heartbeatMost {
			l.moved.Store(time.Now().UnixNano())
		}
	}
	return done, nil
}

// setUserTimeout does nothing for what is not TCP underneath.
func setUserTimeout(c net.Conn, d time.Duration) {
	tcp, ok := underneath(c).(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// A kernel that refuses leaves the deadlines above as the only guard.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

// underneath is the connection that TLS and the porch are wrapped around.
func underneath(c net.Conn) net.Conn {
	for {
		over, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = over.NetConn()
	}
}
