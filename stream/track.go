package stream

import (
	"log"
	"net/http"
	"sync"

	"github.com/rs/zerolog"
)

// tracker counts handlers, because http.Server forgets those whose connection
// was hijacked.
type tracker struct{ running sync.WaitGroup }

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
