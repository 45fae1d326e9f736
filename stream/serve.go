package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Serve answers on ln until ctx ends; then it ends the streams too, and
// returns nil after all that it started has returned. It closes ln.
// Serving trees to everybody on an address that others reach is refused (see
// [Exposure]).
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	exposed := Exposure{Listen: ln.Addr().String(), Closed: !s.cfg.open(), TLS: s.cfg.TLS != nil, Proxy: s.cfg.Proxy, Insecure: s.cfg.Insecure}
	if err := exposed.Check(); err != nil {
		return errors.Join(err, ln.Close())
	}
	// Shutdown does not know hijacked connections: they end because their
	// request's context descends from this one.
	life, end := context.WithCancel(ctx)
	defer end()
	porch := &porch{most: int32(s.cfg.Strangers)}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // a websocket needs it, and one road is simpler than two
	running := &tracker{}
	srv := &http.Server{
		Handler:           running.track(s.Handler()),
		TLSConfig:         s.cfg.TLS,
		ReadHeaderTimeout: handshakeTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &protocols,
		BaseContext:       func(net.Listener) context.Context { return running.with(life) },
		ConnContext:       porch.enter,
		ConnState:         porch.state,
		ErrorLog:          s.complaints(),
	}
	if s.cfg.Limit != nil {
		ln = sharedListener{ln, &shares{limit: s.cfg.Limit}}
	}
	failed := make(chan error, 1)
	go func() {
		if s.cfg.TLS != nil {
			failed <- srv.ServeTLS(porch.listen(ln), "", "")
		} else {
			failed <- srv.Serve(porch.listen(ln))
		}
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		failed <- nil
	}
	end()
	err = errors.Join(err, stop(srv))
	<-failed
	running.wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve %s: %w", ln.Addr(), err)
}

// stopTime is what ordinary requests get to end once their context has ended.
const stopTime = 2 * time.Second

func stop(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	return nil
}

// porch bounds the connections that have not yet sent an acceptable request, so
// that strangers who dial and say nothing do not take the place of cities.
type porch struct {
	most int32
	now  atomic.Int32
}

type strangerKey struct{}

// stranger is a connection on the porch; passed once.
type stranger struct {
	porch  *porch
	passed atomic.Bool
}

func (s *stranger) pass() {
	if s.passed.CompareAndSwap(false, true) {
		s.porch.now.Add(-1)
	}
}

// porchConn carries its stranger from Accept to ConnContext and ConnState,
// through TLS or not.
type porchConn struct {
	net.Conn
	who *stranger
}

// NetConn lets the socket's options be reached.
func (c porchConn) NetConn() net.Conn { return c.Conn }

type porchListener struct {
	net.Listener
	porch *porch
}

func (p *porch) listen(ln net.Listener) net.Listener { return porchListener{Patient(ln), p} }

// Accept turns away who comes while the porch is full: a city comes again, and
// waiting here would make everybody wait.
func (l porchListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.porch.now.Add(1) > l.porch.most {
			l.porch.now.Add(-1)
			_ = c.Close()
			continue
		}
		return porchConn{c, &stranger{porch: l.porch}}, nil
	}
}

func strangerOf(c net.Conn) *stranger {
	for {
		if g, ok := c.(porchConn); ok {
			return g.who
		}
		under, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = under.NetConn()
	}
}

func (p *porch) enter(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, strangerKey{}, strangerOf(c))
}

func (p *porch) state(c net.Conn, st http.ConnState) {
	if who := strangerOf(c); who != nil && (st == http.StateClosed || st == http.StateHijacked) {
		who.pass()
	}
}

// admitted notes that a request's connection is no stranger any more.
func admitted(ctx context.Context) {
	if who, _ := ctx.Value(strangerKey{}).(*stranger); who != nil {
		who.pass()
	}
}
