package stream

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
)

// meter counts what the server does.
type meter struct {
	joined  atomic.Int64
	refused atomic.Int64
	batches atomic.Int64
	content atomic.Int64
}

// metrics is GET /metrics.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	line := func(name, kind, help, labels string, v int64) {
		if help != "" {
			fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		}
		fmt.Fprintf(w, "%s%s %d\n", name, labels, v)
	}
	line("hydrasync_cities_joined_total", "counter", "Subscriptions that were accepted.", "", s.meter.joined.Load())
	line("hydrasync_requests_refused_total", "counter", "Requests without the right token or host.", "", s.meter.refused.Load())
	line("hydrasync_batches_sent_total", "counter", "Batches sent to cities.", "", s.meter.batches.Load())
	line("hydrasync_content_sent_bytes_total", "counter", "Bytes of content sent on request.", "", s.meter.content.Load())
	line("hydrasync_cities", "gauge", "Cities that are connected.", "", int64(len(s.Cities())))
	names := make([]string, 0, len(s.trees))
	for name := range s.trees {
		names = append(names, name)
	}
	slices.Sort(names)
	help := "Last sequence number of the tree's journal."
	for _, name := range names {
		labels := fmt.Sprintf("{tree=%q}", Display(name))
		line("hydrasync_journal_seq", "gauge", help, labels, int64(s.trees[name].Journal.Position().Seq))
		help = ""
	}
}
