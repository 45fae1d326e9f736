package stream

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/stream/metrics"
)

// meter counts what the server does.
type meter struct {
	joined, refused, batches, content, lists atomic.Int64

	scrapes atomic.Int64 // that are being answered
}

// maxScrapes is how many callers of /metrics are answered at the same time, and
// scrapeTime bounds what each of them has read.
const (
	maxScrapes = 4
	scrapeTime = 5 * time.Second
)

func (m *meter) counters() []metrics.Family {
	counter := func(name, help string, n *atomic.Int64) metrics.Family {
		return metrics.One("hydrasync_"+name, metrics.Counter, help, float64(n.Load()))
	}
	return []metrics.Family{
		counter("cities_joined_total", "Subscriptions that were accepted.", &m.joined),
		counter("requests_refused_total", "Requests without the right token or host.", &m.refused),
		counter("batches_sent_total", "Batches sent to cities.", &m.batches),
		counter("content_sent_bytes_total", "Bytes of content sent on request.", &m.content),
		counter("chunk_lists_sent_bytes_total", "Bytes of chunk lists sent on request.", &m.lists),
	}
}

// metrics is GET /metrics.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if passOf(r.Context()).City != "" { // they tell of other trees and cities
		refuse(w, http.StatusForbidden, "metrics are not for cities", "ask with the capitol's token, or on its own machine")
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	defer s.meter.scrapes.Add(-1)
	if s.meter.scrapes.Add(1) > maxScrapes {
		refuse(w, http.StatusServiceUnavailable, "too many ask for the metrics at once", "try again later")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), scrapeTime)
	defer cancel()
	w.Header().Set("Content-Type", metrics.ContentType)
	w.Write(metrics.Append(nil, slices.Concat(s.meter.counters(), s.gauges(ctx), metrics.Runtime(), metrics.Process())))
}
