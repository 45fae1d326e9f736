package wire_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/wire"
)

// The bounds beneath are those that a road cannot be faster than; how much
// slower a busy machine makes it is not tested.
func TestRoadTakesItsTimeAndLosesNothing(t *testing.T) {
	const size, rate, trip = 1 << 20, 8 << 20, 60 * time.Millisecond
	echo := mustEcho(t)
	r := &wire.Road{RoundTrip: trip, Rate: rate}
	addr, err := r.Open(echo)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	began := time.Now()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := make([]byte, size)
	key := [32]byte{1}
	rand.NewChaCha8(key).Read(want)
	go c.Write(want)
	got := make([]byte, size)
	if _, err := io.ReadFull(c, got[:1]); err != nil {
		t.Fatal(err)
	}
	if first := time.Since(began); first < 2*trip {
		t.Errorf("the first byte of the echo came after %v: connecting and answering take %v each", first, trip)
	}
	if _, err := io.ReadFull(c, got[1:]); err != nil {
		t.Fatal(err)
	}
	if all, least := time.Since(began), time.Second*size/rate+trip; all < least {
		t.Errorf("%d bytes came back after %v, faster than %v", size, all, least)
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came back")
	}
}

func TestRoadClosesWhatItCarries(t *testing.T) {
	r := &wire.Road{RoundTrip: time.Hour, Rate: 1}
	addr, err := r.Open(mustEcho(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
}

func mustEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}
