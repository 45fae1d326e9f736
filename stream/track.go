package stream

import (
	"context"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// tracker counts handlers and what goes on after them, because http.Server
// forgets those whose connection was hijacked.
type tracker struct{ running sync.WaitGroup }

type afterKey struct{}

// with lets handlers go on in ctx after they have returned, see [after].
func (t *tracker) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, afterKey{}, func(do func(context.Context)) {
		t.running.Go(func() { do(ctx) })
	})
}

// after does something when the handler of a request has returned: what it and
// http.Server hold for the request need not outlive the handshake of a
// stream. A server without a tracker waits for it in the handler.
func after(ctx context.Context, do func(context.Context)) {
	if start, ok := ctx.Value(afterKey{}).(func(func(context.Context))); ok {
		start(do)
		return
	}
	do(ctx)
}

func (t *tracker) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.running.Add(1)
		defer t.running.Done()
		next.ServeHTTP(w, r)
	})
}

func (t *tracker) wait() { t.running.Wait() }

// complaints is for what http.Server says of connections. That one could not agree on
// TLS is for a person, as often as failed attempts are; the rest is somebody
// else's bad connection.
func (s *Server) complaints() *log.Logger {
	return log.New(complaints{s.cfg.Log, s.guard.failures}, "", 0)
}

type complaints struct {
	log      zerolog.Logger
	failures *attempts
}

func (c complaints) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	from, why, found := strings.Cut(strings.TrimPrefix(text, handshakeFailed), ": ")
	if found && strings.HasPrefix(text, handshakeFailed) && strings.Contains(why, "tls: ") && c.failures.fail(addressOf(from), time.Now()) == 0 {
		if strings.HasSuffix(why, "bad certificate") {
			why = "it does not take this capitol's certificate for the one that it expects (its pin, or its authority, is another)"
		}
		c.log.Warn().Str("remote", Display(from)).Str("reason", Display(why)).Msg("refused")
		return len(p), nil
	}
	c.log.Debug().Str("err", Display(text)).Msg("connection refused")
	return len(p), nil
}

// handshakeFailed is how net/http begins a complaint about TLS.
const handshakeFailed = "http: TLS handshake error from "
