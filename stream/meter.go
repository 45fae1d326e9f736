package stream

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meter counts what the server does, in a registry of its own: two servers in
// one process do not disturb each other.
type meter struct {
	joined  prometheus.Counter
	refused prometheus.Counter
	batches prometheus.Counter
	content prometheus.Counter
	lists   prometheus.Counter
	pages   http.Handler
}

// scrapes is how many callers of /metrics are answered at the same time.
const scrapes = 4

// newMeter also shows what gauges tells, and the figures of process and runtime.
func newMeter(gauges prometheus.Collector) (*meter, error) {
	m := &meter{
		joined:  counter("cities_joined_total", "Subscriptions that were accepted."),
		refused: counter("requests_refused_total", "Requests without the right token or host."),
		batches: counter("batches_sent_total", "Batches sent to cities."),
		content: counter("content_sent_bytes_total", "Bytes of content sent on request."),
		lists:   counter("chunk_lists_sent_bytes_total", "Bytes of chunk lists sent on request."),
	}
	own := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{m.joined, m.refused, m.batches, m.content, m.lists, gauges,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := own.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.pages = promhttp.HandlerFor(own, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapes})
	return m, nil
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hydrasync", Name: name, Help: help})
}

// metrics is GET /metrics.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	s.meter.pages.ServeHTTP(w, r)
}
