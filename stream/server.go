package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/journal"
)

// Body is a node's content, open for reading. Several goroutines may read.
type Body interface {
	io.ReaderAt
	io.Closer
}

// Source opens content. The watcher is one, and the applier of a relay. Open
// fails with an error whose Moved() is true (or that is [ErrMoved]) when the
// disk holds something else than the node says; a file that has only grown is
// not something else.
type Source interface {
	Open(ctx context.Context, n journal.Node) (Body, error)
}

// Reader is a [Source] that reads small content in one go.
type Reader interface {
	// Read fills b with the bytes of n's content from off on. Path is where the
	// journal had the node a moment ago: a hint. It fails as Open and the Body would.
	Read(ctx context.Context, n journal.Node, path string, b []byte, off int64) error
}

// Tree is what a capitol publishes under a name.
type Tree struct {
	Name    string
	Journal *journal.Journal
	Source  Source
	Lists   Lister // nil: contents are not told as chunks
	// Ready is closed once the journal tells of the whole tree, and not of the
	// part that a first walk has found so far. Nil: it does from the beginning.
	Ready <-chan struct{}
	// Lineage is the way of the tree to here, this place included. Nil: not told.
	Lineage func() Lineage
	// SubDirs are what of the tree is here, at a filtered relay; none: all.
	SubDirs []string
	// Unable is why a relay cannot judge now whether a city's position is right,
	// and whether its content is; "" if it can. Nil: always. A city with a position that
	// the journal does not know, or that asks to be compared, is sent away
	// meanwhile: what it has may be newer than what is here.
	Unable func(journal.Position) string
}

// ServerConfig says what to serve, and to whom.
type ServerConfig struct {
	Trees     []Tree
	Token     string // what callers may know; without Token and Gate everybody is heard
	Gate      Gate   // whose credentials are good beside the token; nil: nobody's
	Open      bool   // with a Gate and without a Token: who sends no credential is heard too
	TLS       *tls.Config
	Proxy     bool // a proxy ends TLS, and says in X-Forwarded-For who calls
	Insecure  bool // serve whatever the address
	Heartbeat time.Duration
	Plan      Plan          // answers /v1/plan, for whom [CallerOf] tells; nil: there is none
	Limit     *rate.Limiter // of bytes sent, shared by all who are connected; nil: none
	Turns     int           // so many cities at most are brought up to date, or get much, at once; zero: all
	TurnStall time.Duration // a city that stands still so long while others wait has had its turn; zero: 15 s
	Strangers int           // connections that have not yet proved anything; zero: 256
	Visitors  Visitors      // hears who comes and who is refused; nil: nobody
	Log       zerolog.Logger
}

// open says that who has no credential is heard.
func (c *ServerConfig) open() bool { return c.Token == "" && (c.Gate == nil || c.Open) }

// Server serves journals and content to cities and people. It holds nothing
// per tree but what is being sent, and nothing per city but its connection.
type Server struct {
	cfg   ServerConfig
	guard guard
	codec *codec
	meter meter
	turns *turns
	bell  bell // a city has come, gone or confirmed
	// buffers are the websockets' write buffers: an idle connection has none.
	buffers sync.Pool
	pieces  sync.Pool // of memory for one content frame each

	mu    sync.Mutex // guards what follows
	trees map[string]*tree
	subs  map[*subscription]struct{}

	expected []string // trees that may come
}

// tree is a Tree in service.
type tree struct {
	Tree
	tenure
	codec *codec

	mu     sync.Mutex
	shares map[string]*share // by sub_dirs
}

// NewServer checks the configuration. It starts nothing.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	if cfg.Heartbeat < time.Millisecond || cfg.Heartbeat > maxHeartbeat {
		return nil, fmt.Errorf("heartbeat %v: want 1ms to %v", cfg.Heartbeat, maxHeartbeat)
	}
	if cfg.Visitors == nil {
		cfg.Visitors = nobody{}
	}
	if cfg.Strangers == 0 {
		cfg.Strangers = 256
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, guard: newGuard(&cfg), codec: c, turns: newTurns(cfg.Turns, cfg.TurnStall), trees: make(map[string]*tree),
		subs: make(map[*subscription]struct{}), pieces: sync.Pool{New: func() any { return new([contentHeadMost + MaxContent]byte) }}}
	for _, t := range cfg.Trees {
		if _, err := s.Publish(t); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func checkTree(t Tree) error {
	switch {
	case !journal.ValidName(t.Name) || len(t.Name) > MaxTreeName || strings.HasPrefix(t.Name, "."):
		return fmt.Errorf("tree name %q: want one path component that does not begin with a dot", t.Name)
	case t.Journal == nil || t.Source == nil:
		return errors.New("tree " + Display(t.Name) + " has no journal or no source")
	}
	return nil
}

// Handler answers what DESIGN.md lists under /v1, and /healthz, and /metrics.
// Streams end with their request's context.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.Handle("GET /metrics", s.guarded(s.metrics))
	mux.Handle("GET /v1/trees", s.guarded(s.listTrees))
	mux.Handle("GET /v1/trees/{name}/digest", s.guarded(s.ofTree(s.digest)))
	mux.Handle("GET /v1/trees/{name}/stream", s.guarded(s.ofTree(s.stream)))
	mux.Handle("GET /v1/trees/{name}/events", s.guarded(s.ofTree(s.events)))
	mux.Handle("GET /v1/trees/{name}/content", s.guarded(s.ofTree(s.content)))
	mux.HandleFunc("POST /v1/join", s.enrol)
	if s.cfg.Plan != nil {
		mux.Handle("/v1/plan", s.guarded(s.cfg.Plan.ServeHTTP))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "no such page: "+Display(r.URL.Path), "GET /v1/trees lists what there is")
	})
	return mux
}
