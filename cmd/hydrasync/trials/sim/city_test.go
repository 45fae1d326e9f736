package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath/memory"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/follow"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
	"golang.org/x/sys/unix"
)

var errDead = errors.New("this process is no more")

// city is a machine with a destination, and the process that follows there.
type city struct {
	w      *world
	name   string
	home   string   // of the journal
	from   []string // whom it follows, best first
	serves bool     // it is a relay
	disk   *memory.Disk
	trash  time.Duration

	mu    sync.Mutex
	life  *life // the process
	full  bool  // the disk takes no more
	lives int
}

// life is one process.
type life struct {
	city *city
	ctx  context.Context
	end  context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	dead   bool
	a      *applier.Applier
	client *stream.Client
	link   stream.State
	proven journal.Position
	head   journal.Position
	failed int64
	last   time.Time // when something was applied
	tries  int
	met    chan struct{} // closed with the first welcome
	once   sync.Once
	err    error
}

func newCity(w *world, name string, serves bool, from ...string) *city {
	c := &city{w: w, name: name, home: filepath.Join(w.home, name), from: from, serves: serves, disk: memory.New(applier.StateName)}
	c.disk.Weak = w.dice.IntN(2) == 0
	c.disk.Seen = func(path string, content []byte) { w.seen(c, path, content) }
	if w.dice.IntN(2) == 0 {
		c.trash = -1
	}
	must(w, os.MkdirAll(filepath.Join(c.home, applier.StateName), 0o700))
	c.start()
	return c
}

// direct says that it follows the capitol itself.
func (c *city) direct() bool { return c.from[0] == "capitol" }

func (c *city) journal() string { return filepath.Join(c.home, applier.StateName, "journal.db") }

// start begins a process.
func (c *city) start() {
	l := &life{city: c, done: make(chan struct{}), met: make(chan struct{})}
	l.ctx, l.end = context.WithCancel(context.Background())
	c.mu.Lock()
	c.life = l
	c.lives++
	c.mu.Unlock()
	go func() {
		defer close(l.done)
		for l.ctx.Err() == nil {
			err := l.run()
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			select { // as a service is started again
			case <-time.After(time.Second):
			case <-l.ctx.Done():
			}
		}
	}()
}

func (l *life) run() error {
	c := l.city
	a, err := applier.Open(applier.Config{Root: c.home, Kernel: c.disk, Calls: l, Trash: c.trash, MaxDelete: applier.Limit{Count: 1 << 40}})
	if err != nil {
		return err
	}
	f := &follow.Follower{Disk: a, Sight: l}
	cfg := stream.ClientConfig{URL: "ws://" + c.from[0] + ":1/t", City: c.name, Insecure: true, OnState: l.state, Retry: stream.Retry{First: 2, Most: 2}, Dial: l.dial}
	for _, from := range c.from[1:] {
		cfg.Further = append(cfg.Further, stream.Origin{URL: "ws://" + from + ":1/t"})
	}
	client, err := stream.NewClient(cfg)
	must(c.w, err)
	f.Client = client
	l.mu.Lock()
	l.a, l.client = a, client
	l.mu.Unlock()
	var running sync.WaitGroup
	running.Go(func() {
		select {
		case <-l.met:
			a.Run(l.ctx, f)
		case <-l.ctx.Done():
		}
	})
	if c.serves {
		srv, err := stream.NewServer(stream.ServerConfig{Insecure: true, Trees: []stream.Tree{{Name: "t", Journal: a.Journal(), Source: relayed{a}, Ready: l.met}}})
		must(c.w, err)
		end, done := c.w.serve(c.name, srv)
		defer func() {
			c.w.unserve(c.name)
			end()
			<-done
		}()
	}
	err = client.Run(l.ctx, f)
	l.end()
	running.Wait()
	return errors.Join(err, a.Close())
}

type relayed struct{ a *applier.Applier }

func (r relayed) Open(ctx context.Context, n journal.Node) (stream.Body, error) {
	b, err := r.a.Open(ctx, n)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Before lets a changing call of the disk wait for its turn.
func (l *life) Before(op, name string) error {
	l.mu.Lock()
	dead := l.dead
	l.mu.Unlock()
	if dead {
		return errDead
	}
	return l.city.w.turn(l, op, plain(name))
}

// plain hides the names that nobody can guess.
func plain(name string) string {
	if len(name) == 26 || len(name) > 30 {
		return "*"
	}
	return name
}

// kill ends the process, and with power its machine: of what was not flushed it keeps a share.
func (c *city) kill(kept float64) {
	l := c.life
	l.mu.Lock()
	l.dead = true
	a := l.a
	l.mu.Unlock()
	c.disk.Kill(errDead)
	saved := filepath.Join(c.w.home, "saved")
	copyJournal(c.w, c.journal(), saved)
	claims := c.claims(a)
	c.w.release(l)
	l.end()
	<-l.done
	copyJournal(c.w, saved, c.journal())
	c.disk = c.disk.Crash(kept, c.w.dice)
	c.w.confirmed(c, claims)
	c.start()
}

// stop ends the process in order.
func (c *city) stop() {
	c.life.end()
	<-c.life.done
}

// trouble is what the disk says to a call when nothing else happens to it.
func (c *city) trouble(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full && (op == "create" || op == "mkdir" || op == "write" || op == "link") {
		return unix.ENOSPC
	}
	return nil
}

// tell is what the process says of itself.
func (l *life) tell() string {
	l.mu.Lock()
	a, last := l.a, l.last
	l.mu.Unlock()
	if a == nil {
		return "not open"
	}
	st, err := a.Status(context.Background())
	return fmt.Sprintf("at %d, confirmed %d, applied last %v, %+v, %v", a.Journal().Position().Seq, a.Confirmed().Seq, last, st, err)
}

// What a sight hears.

func (l *life) state(st stream.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = st
}

func (l *life) Begin(w stream.Welcome) {
	l.mu.Lock()
	l.head = w.Position
	l.mu.Unlock()
}

func (l *life) Applied(int, journal.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
}
func (l *life) Fetched(int64) {}
func (l *life) Heard(head, _ journal.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = head
}

// Proven is where the city says that it has the tree of a position: it has to be so.
func (l *life) Proven(at journal.Position, failed int64) {
	l.mu.Lock()
	l.proven, l.failed, l.tries = at, failed, 0
	dead := l.dead
	l.mu.Unlock()
	if failed == 0 && !dead {
		l.city.w.provenAt(l.city, at)
	}
	l.once.Do(func() { close(l.met) })
}

func (l *life) dial(ctx context.Context, _, to string) (net.Conn, error) {
	l.mu.Lock()
	tries := l.tries
	l.tries++
	l.mu.Unlock()
	return l.city.w.dial(ctx, l.city.name, to[:len(to)-2], tries)
}
