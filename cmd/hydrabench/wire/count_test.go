package wire_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/wire"
)

func TestCountIsWhatASocketCarried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near := <-accepted
	defer near.Close()
	before, err := wire.Of(port)
	if err != nil {
		t.Skip("this kernel does not tell: ", err)
	}
	mustCarry(t, near, far, 100_000)
	mustCarry(t, far, near, 777)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		after, err := wire.Of(port)
		if err != nil {
			t.Fatal(err)
		}
		got, want := after.Minus(before), wire.Count{Sent: 100_000, Received: 777}
		if got == want && after.Connections == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v over %d connections, want %+v over 1", got, after.Connections, want)
		}
	}
}

func mustCarry(t *testing.T, from, to net.Conn, n int) {
	t.Helper()
	go from.Write(make([]byte, n))
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}
