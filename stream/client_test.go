package stream_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/stream"
)

func TestTLS(t *testing.T) {
	loan := httptest.NewUnstartedServer(http.NotFoundHandler())
	loan.StartTLS()
	cert := loan.TLS.Certificates[0]
	pool := x509.NewCertPool()
	pool.AddCert(loan.Certificate())
	loan.Close()
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
	c.write("big", filled(2<<20, 1))
	c.write("small", []byte("x"))
	url := "wss://" + c.addr + "/src"
	m := newCity(t, url, func(cfg *stream.ClientConfig) { cfg.TLS = &tls.Config{RootCAs: pool, ServerName: "example.com"} })
	m.run()
	m.inStep(c)

	states := make(chan stream.State, 100)
	distrustful := newCity(t, url, func(cfg *stream.ClientConfig) {
		cfg.OnState = func(s stream.State) {
			if s.Phase == stream.Waiting && len(states) < cap(states) {
				states <- s
			}
		}
	})
	distrustful.run()
	var unknown *tls.CertificateVerificationError
	if s := <-states; !errors.As(s.Err, &unknown) {
		t.Errorf("an unknown certificate: got %v", s.Err)
	}
}

func TestALimitedCityReadsNoFaster(t *testing.T) {
	c := newCapitol(t)
	c.write("f", filled(400<<10, 1))
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Limit = rate.NewLimiter(1<<20, 32<<10) })
	began := time.Now()
	m.run()
	m.inStep(c)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("400 KiB at 1 MiB/s took %v", took)
	}
}

type final struct{ error }

func (final) Permanent() bool { return true }

func TestErrorsOfTheSubscriber(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("x"))
	var failures atomic.Int32
	m := newCity(t, c.url)
	m.hook = func(stream.Batch) error {
		if failures.Add(1) <= 3 {
			return errors.New("no space")
		}
		return nil
	}
	stop := m.run()
	m.inStep(c) // after three failures
	stop()
	m.connectTo(c.url)
	m.hook = func(stream.Batch) error { return final{errors.New("held")} }
	c.write("f", []byte("y"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.client.Run(ctx, m); err == nil || err.Error() != "held" {
		t.Errorf("got %v, want the subscriber's own error", err)
	}
}

func TestNobodyThereIsTriedAgainForEver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	attempts := make(chan stream.State, 1000)
	m := newCity(t, "ws://"+addr+"/src", func(cfg *stream.ClientConfig) {
		cfg.OnState = func(s stream.State) { attempts <- s }
	})
	stop := m.run()
	for seen := 0; seen < 10; {
		if s := <-attempts; s.Phase == stream.Waiting {
			seen++
			if s.Fault != stream.FaultInBetween || s.Err == nil || s.Next.IsZero() {
				t.Errorf("state: %+v", s)
			}
		}
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestASlowDiskGetsLargerGroups(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("0"))
	m := newCity(t, c.url)
	held, first := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	m.hook = func(b stream.Batch) error {
		if !b.Full && once.CompareAndSwap(false, true) {
			close(first)
			<-held
		}
		return nil
	}
	m.run()
	m.inStep(c)
	c.write("f", []byte("1"))
	<-first
	for i := range 50 {
		c.write(fmt.Sprint("g", i%7), []byte{byte(i)})
	}
	// Every change is on its way once the capitol has told of the last.
	head := c.j.Position()
	deadline := time.Now().Add(patience)
	for cities := c.server.Cities(); len(cities) != 1 || cities[0].Told != head; cities = c.server.Cities() {
		if time.Now().After(deadline) {
			t.Fatalf("cities: %+v", cities)
		}
		time.Sleep(time.Millisecond)
	}
	close(held)
	m.inStep(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.batches); n > 10 {
		t.Errorf("51 changes behind a slow disk came in %d batches", n)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	c := newCapitol(t)
	file := c.write("big", filled(8<<20, 1))
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.SubDirs = []string{"nothing"} })
	m.run()
	m.await("a connection", func() bool { return len(m.modes) > 0 })
	ctx, cancel := context.WithCancel(context.Background())
	w := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if err := m.client.Fetch(ctx, file, 0, 8<<20, w); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	broken := errors.New("disk full")
	w = func([]byte) (int, error) { return 0, broken }
	if err := m.client.Fetch(context.Background(), file, 0, 8<<20, w); !errors.Is(err, broken) {
		t.Errorf("got %v, want the writer's error", err)
	}
	// The places that were taken are free again, and late frames do no harm.
	for range 10 {
		got := 0
		w = func(p []byte) (int, error) { got += len(p); return len(p), nil }
		if err := m.client.Fetch(context.Background(), file, 5, 3<<20, w); err != nil || got != 3<<20 {
			t.Fatalf("got %d bytes, %v", got, err)
		}
	}
	stale := file
	stale.Body.Digest[0]++
	stale.Body.Generation++
	if err := m.client.Fetch(context.Background(), stale, 0, 10, w); !errors.Is(err, stream.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	grown := file
	c.write("big", append(filled(8<<20, 1), "more"...))
	if err := m.client.Fetch(context.Background(), grown, 0, 10, w); err != nil {
		t.Errorf("the beginning of a file that has grown: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
