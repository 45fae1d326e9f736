package stream

import (
	"context"
	"log"
	"net/http"
	"sync"

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

// quiet: what http.Server complains about is somebody else's bad connection.
func quiet(l zerolog.Logger) *log.Logger { return log.New(debugWriter{l}, "", 0) }

type debugWriter struct{ log zerolog.Logger }

func (w debugWriter) Write(p []byte) (int, error) {
	w.log.Debug().Str("err", Display(string(p))).Msg("connection refused")
	return len(p), nil
}
