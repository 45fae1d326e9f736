package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/stream"
)

// registry tells other machines their parts of the plan, and hears what they
// make of it. It is GET and POST /v1/plan.
type registry struct {
	a      *app
	roster *roster.Roster

	mu      sync.Mutex // guards what follows
	parts   map[string]string
	changed chan struct{}             // closed and renewed when parts are others
	reports map[string]planReport     // by machine
	tellers map[string]*roster.Teller // by machine: those that follow
}

// planLine is one line of GET /v1/plan: the part, if it is another than the one
// before. A line comes at least every planEvery.
type planLine struct {
	Version string  `json:"version"`
	Part    *string `json:"part,omitempty"` // TOML; empty: no highways
}

// planReport is what a machine makes of its part.
type planReport struct {
	Version  string           `json:"version"` // of the part
	Error    string           `json:"error,omitempty"`
	Refused  []refusedHighway `json:"refused,omitempty"`
	Accepted int              `json:"accepted"`
}

// planPost is what a machine sends: what it makes of its part, or how its replicas are.
type planPost struct {
	planReport
	Sent  time.Time     `json:"sent,omitzero"`
	Nodes []roster.Line `json:"nodes,omitempty"`
}

// refusedHighway is one that a machine does not take.
type refusedHighway struct {
	To   string `json:"to"`
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
}

const (
	planEvery   = 10 * time.Second
	planSilence = 3 * planEvery // after that the other end is gone
	maxReport   = 1 << 20       // bytes
	maxNodes    = 64            // in one report
	maxReports  = 10_000        // machines
)

func newRegistry(a *app, known *roster.Roster, parts map[string]string) *registry {
	return &registry{a: a, roster: known, parts: parts, changed: make(chan struct{}), reports: make(map[string]planReport), tellers: make(map[string]*roster.Teller)}
}

// tell replaces the plan.
func (r *registry) tell(parts map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts = parts
	close(r.changed)
	r.changed = make(chan struct{})
}

// part is what a machine is told now, and what is closed when that may be another.
func (r *registry) part(machine string) (part string, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parts[machine], r.changed
}

// Tells implements [stream.Plan].
func (r *registry) Tells(city string) bool {
	part, _ := r.part(city)
	return part != ""
}

func partVersion(part string) string {
	sum := sha256.Sum256([]byte(part))
	return hex.EncodeToString(sum[:8])
}

// ServeHTTP lets a city know its own part only: by its credential. Who may ask
// for everything says by ?name= whose part is meant.
func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	machine := stream.CallerOf(q.Context())
	if machine == "" {
		machine = q.URL.Query().Get("name")
	}
	switch {
	case !validMachine(machine):
		http.Error(w, `{"error":"whose plan?","hint":"?name=MACHINE"}`, http.StatusBadRequest)
	case q.Method == http.MethodGet:
		r.follow(w, q, machine)
	case q.Method == http.MethodPost:
		r.hear(w, q, machine)
	default:
		http.Error(w, `{"error":"GET or POST"}`, http.StatusMethodNotAllowed)
	}
}

// follow tells the part, and again whenever it is another, until the caller goes.
func (r *registry) follow(w http.ResponseWriter, q *http.Request, machine string) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold lines back
	defer r.arrives(q, machine)()
	control := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	last := ""
	for {
		part, changed := r.part(machine)
		line := planLine{Version: partVersion(part)}
		if line.Version != last {
			line.Part, last = &part, line.Version
		}
		_ = control.SetWriteDeadline(time.Now().Add(planSilence)) // one that cannot writes without
		if lines.Encode(line) != nil || control.Flush() != nil {
			return
		}
		clock := time.NewTimer(planEvery)
		select {
		case <-changed:
		case <-clock.C:
		case <-q.Context().Done():
		}
		clock.Stop()
		if q.Context().Err() != nil {
			return
		}
	}
}

// arrives notes that a machine is here, until leave is called.
func (r *registry) arrives(q *http.Request, machine string) (leave func()) {
	host, _, _ := net.SplitHostPort(q.RemoteAddr)
	t := r.roster.Come("machine "+machine, stream.Report{Who: stream.Who{Name: machine, Address: host}}, "", "")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellers[machine] = t
	return func() {
		t.Leave()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.tellers[machine] == t {
			delete(r.tellers, machine)
		}
	}
}

// hear notes a machine's report.
func (r *registry) hear(w http.ResponseWriter, q *http.Request, machine string) {
	var post planPost
	text, err := io.ReadAll(io.LimitReader(q.Body, maxReport))
	if err == nil {
		err = json.Unmarshal(text, &post)
	}
	if err != nil || len(post.Nodes) > maxNodes {
		http.Error(w, `{"error":"this is no report"}`, http.StatusBadRequest)
		return
	}
	if len(post.Nodes) > 0 {
		r.hearNodes(machine, &post)
	}
	if post.Version != "" {
		r.hearPlan(machine, post.planReport)
	}
	w.WriteHeader(http.StatusNoContent)
}

// hearNodes believes a machine, as long as it follows, what it says of its replicas and of those beneath them.
func (r *registry) hearNodes(machine string, post *planPost) {
	r.mu.Lock()
	t := r.tellers[machine]
	r.mu.Unlock()
	if t == nil {
		return
	}
	for i := range post.Nodes {
		if rep, err := post.Nodes[i].Report(time.Since(post.Sent)); err == nil {
			t.Told(rep)
		}
	}
}

// hearPlan logs what a machine refuses.
func (r *registry) hearPlan(machine string, report planReport) {
	r.mu.Lock()
	if _, known := r.reports[machine]; known || len(r.reports) < maxReports {
		r.reports[machine] = report
	}
	r.mu.Unlock()
	log := r.a.logger()
	if report.Error != "" {
		log.Warn().Str("city", machine).Str("err", stream.Display(report.Error)).Msg("a city refuses the plan")
	}
	for _, f := range report.Refused {
		log.Warn().Str("city", machine).Str("to", stream.Display(f.To)).Str("err", stream.Display(f.Why)).Msg("a city refuses a highway")
		r.a.say("%s refuses the highway to %s: %s", machine, stream.Display(f.To), stream.Display(f.Why))
	}
}
