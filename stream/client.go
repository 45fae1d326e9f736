package stream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/journal"
)

// Subscriber takes what a capitol sends, in the order of the stream. Its errors
// end the connection, which is tried again later, unless they have a method
// Permanent() bool that says true: those end Run, or Waited() bool: those have had their pause. One goroutine calls it, Prepare excepted.
type Subscriber interface {
	// Position is what to resume from, and whether there is content on disk
	// that a full comparison could adopt (then small files do not travel unasked).
	Position(ctx context.Context) (journal.Position, bool, error)
	// Begin tells how the city will be brought up to date.
	Begin(ctx context.Context, w Welcome) error
	// Prepare does what of a batch needs not wait for its turn. It is called after
	// Begin, in the order of the stream, by a goroutine of its own: the work of an
	// earlier batch may be under way.
	Prepare(ctx context.Context, b Batch) Work
	// Late tells when an empty batch has something to complete: content that was
	// left behind by its batch has come. Nil: never.
	Late() <-chan struct{}
	// Heartbeat compares; [ErrDiffers] makes the client ask for a full comparison.
	// A beat is heard when it comes, and again when what was left behind is there.
	Heartbeat(ctx context.Context, b Beat) error
}

// Work makes a batch true. One of its methods is called, once.
type Work interface {
	// Apply returns the position of which all is durable now: the batch's, or,
	// while something is left behind, an earlier one, or none.
	Apply(ctx context.Context) (journal.Position, error)
	// Drop gives back what was prepared.
	Drop()
}

// Undivided is the Work of a subscriber that prepares nothing.
type Undivided func(ctx context.Context) (journal.Position, error)

// Apply calls f.
func (f Undivided) Apply(ctx context.Context) (journal.Position, error) { return f(ctx) }

// Drop has nothing to give back.
func (f Undivided) Drop() {}

// ClientConfig says which tree to follow, and how to get there.
type ClientConfig struct {
	URL      string // ws(s)://HOST:PORT/NAME; http(s) means the same
	Token    string
	TLS      *tls.Config
	Further  []Origin // of the same tree, best first: for when URL is out of reach
	Insecure bool     // send the token over plain ws to another machine
	SubDirs  []string
	City     string // a name for people
	As       string // by which name this city has joined; the capitol refuses a credential of another
	Replica  string // this city's id in a [Lineage]
	Program  string // the version of this program, for people
	Proxy    Proxy  // nil: straight
	// Dial replaces the network; nil is TCP.
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	Heartbeat time.Duration // zero: 15 s
	Window    int64         // bytes of batches that may wait for the disk; zero: 8 MiB
	Retry     Retry
	Return    time.Duration // while a further origin is followed, the ones before it are tried so often; zero: 2 min
	Limit     *rate.Limiter // of bytes read; nil: none
	OnState   func(State)   // called from Run at every change; must not block
	// Report is called for each connection to a capitol that wants reports. It tells what
	// there is to tell, at its own pace, until its context ends or telling fails. Nil: nothing is told.
	Report func(ctx context.Context, tell func(Report) error)
	Log    zerolog.Logger
}

// Retry bounds the waits between attempts, which double from First to Most and
// are spread at random over their whole length.
type Retry struct {
	First time.Duration // zero: 100 ms
	Most  time.Duration // zero: 30 s
}

// Client is a city's end of a highway.
type Client struct {
	cfg     ClientConfig
	origins []*origin // best first
	codec   *codec

	mu      sync.Mutex
	session *session // while connected
	state   State
}

// NewClient checks the configuration; Run connects.
func NewClient(cfg ClientConfig) (*Client, error) {
	origins, err := cfg.origins()
	if err != nil {
		return nil, err
	}
	if len(cfg.SubDirs) > MaxSubDirs {
		return nil, fmt.Errorf("%d sub_dirs are too many: want at most %d", len(cfg.SubDirs), MaxSubDirs)
	}
	if err := checkSubDirs(cfg.SubDirs); err != nil {
		return nil, err
	}
	cfg.Heartbeat = orDefault(cfg.Heartbeat, defaultHeartbeat)
	cfg.Window = orDefault(cfg.Window, defaultWindow)
	cfg.Retry.First = orDefault(cfg.Retry.First, 100*time.Millisecond)
	cfg.Retry.Most = orDefault(cfg.Retry.Most, 30*time.Second)
	cfg.Return = orDefault(cfg.Return, 2*time.Minute)
	if cfg.Heartbeat < time.Millisecond || cfg.Heartbeat > maxHeartbeat || cfg.Window < MinWindow || cfg.Window > MaxWindow {
		return nil, fmt.Errorf("heartbeat %v or window %d out of range", cfg.Heartbeat, cfg.Window)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, origins: origins, codec: c, state: State{Phase: Connecting, Since: time.Now()}}, nil
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// streamURL turns what people type into the request: the last part of the path
// names the tree, what is before it belongs to a proxy on the way.
func streamURL(text string) (*url.URL, string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, "", fmt.Errorf("parse URL: %w", err)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return nil, "", &HintError{fmt.Errorf("URL %s: scheme %q", Display(text), u.Scheme), "write ws://HOST:PORT/NAME or wss://HOST:PORT/NAME"}
	}
	before, tree := path.Split(strings.TrimSuffix(u.Path, "/"))
	if u.Host == "" || tree == "" || !journal.ValidName(tree) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, "", &HintError{fmt.Errorf("URL %s names no tree", Display(u.Redacted())), "write ws://HOST:PORT/NAME; tokens go into --token-file"}
	}
	return u.JoinPath().ResolveReference(&url.URL{Path: before + "v1/trees/" + tree + "/stream"}), tree, nil
}
