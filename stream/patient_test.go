package stream_test

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/stream"
)

// exhausted is a listener on a machine that has no memory for its first callers.
type exhausted struct {
	net.Listener
	left atomic.Int32
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.ENOMEM}
	}
	return l.Listener.Accept()
}

func TestAMachineWithoutMemoryForAMomentIsWaitedFor(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	poor := &exhausted{Listener: ln}
	poor.left.Store(3)
	srv := &http.Server{Handler: http.NotFoundHandler()}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(stream.Patient(poor)) }()
	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatalf("%v; the server ended: %v", err, <-ended)
	}
	resp.Body.Close()
	srv.Close()
	if err := <-ended; err != http.ErrServerClosed {
		t.Errorf("a closed listener ended it with %v", err)
	}
}
