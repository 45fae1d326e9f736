package stream

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheKernelEndsSocketsThatAreNotAcknowledged(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := newLive(context.Background(), porchConn{c, &stranger{}}, nil)
	l.arm(45 * time.Second)
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if cerr := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	if got != 45000 {
		t.Errorf("TCP_USER_TIMEOUT: got %d ms, want 45000", got)
	}
}

func TestReadingBeforeTheHandshakeEnds(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	l := newLive(context.Background(), a, nil)
	go func() {
		junk := make([]byte, 4096)
		for {
			if _, err := b.Write(junk); err != nil {
				return
			}
		}
	}()
	buf, total := make([]byte, 4096), 0
	for {
		n, err := l.Read(buf)
		if total += n; err != nil {
			if !isProtocol(err) {
				t.Errorf("got %v", err)
			}
			break
		}
		if total > 2*handshakeBytes {
			t.Fatal("it reads for ever")
		}
	}
}
