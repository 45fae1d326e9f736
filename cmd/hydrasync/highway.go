package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/follow"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/runs"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// city is one running highway into one directory.
type city struct {
	conf   highwayConf
	disk   *applier.Applier
	sight  *sight
	follow *follow.Follower
	limit  *rate.Limiter // nil: none
	when   openHours
	runs   *runs.City
	roster *roster.Roster
	door   *door // of its house; nil: none
	log    zerolog.Logger
	known  record // of its state

	// where the capitol was when it had walked its tree: before that no proof
	// is believed. Nil where the capitol is another process: it keeps its own back.
	walked *atomic.Pointer[journal.Position]

	mu    sync.Mutex
	again context.CancelFunc // ends the present run of the client, which then begins anew
}

// cityWorld is what a city needs besides its configuration.
type cityWorld struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
	once bool
	log  zerolog.Logger

	report func(ctx context.Context, tell func(stream.Report) error) // see [stream.ClientConfig]
}

// openCity opens destination and journal; nothing runs yet.
func openCity(conf highwayConf, w cityWorld) (*city, error) {
	c := &city{conf: conf, log: w.log, sight: newSight(journal.Position{}), limit: conf.Limit.limiter(), roster: roster.New()}
	var err error
	if c.when, err = parseWhen(conf.When); err != nil {
		return nil, usage(`"22:00-06:00", "Sat,Sun", or "Mon-Fri 22:00-06:00"`, "when: %w", err)
	}
	if c.known, err = c.conf.part(c.stateFolder()); err != nil {
		return nil, err
	}
	w.report = c.reportUp
	client, err := newClient(&c.conf, c.sight, c.limit, c.known.ID, w)
	if err != nil {
		return nil, err
	}
	if c.disk, err = applier.Open(conf.applier(w.log)); err != nil {
		return nil, err
	}
	if err := c.known.rememberPart(c.stateFolder()); err != nil {
		return nil, errors.Join(err, c.disk.Close())
	}
	own := c.disk.Journal().Position()
	c.sight.change(func(n *situation) { n.Own = own })
	if !own.IsZero() && c.known.held() {
		c.sight.trust() // an earlier life filled it; its capitol may be away now
	}
	if err := c.keepRuns(); err != nil {
		return nil, errors.Join(err, c.disk.Close())
	}
	c.follow = &follow.Follower{Disk: c.disk, Client: client, Sight: c.sight, Once: w.once,
		Whole: func() bool { return c.walked == nil || c.walked.Load() != nil }}
	return c, nil
}

// newClient makes the city's end of the connection; nothing is dialled yet.
func newClient(conf *highwayConf, sight *sight, limit *rate.Limiter, id string, w cityWorld) (*stream.Client, error) {
	origins, err := conf.origins()
	if err != nil {
		return nil, err
	}
	proxy, err := conf.proxy(w.dial != nil)
	if err != nil {
		return nil, err
	}
	first := origins[0]
	client, err := stream.NewClient(stream.ClientConfig{
		URL: first.URL, Token: first.Token, TLS: first.TLS, Further: origins[1:], Insecure: conf.Insecure, SubDirs: conf.SubDirs,
		City: cityName(conf.To), As: conf.JoinedAs, Replica: id, Program: thisVersion(), Report: w.report,
		Dial: w.dial, Proxy: proxy, Limit: limit, OnState: sight.link, Log: w.log,
	})
	if err != nil {
		return nil, &failure{err: err, hint: hintOf(err), code: codeUsage}
	}
	return client, nil
}

// origins are the sources with what proves this city there.
func (h *highwayConf) origins() (all []stream.Origin, err error) {
	for i, from := range h.Sources {
		link := &h.linkConf
		if h.links != nil {
			link = &h.links[i]
		}
		o := stream.Origin{URL: from}
		if o.Token, o.TLS, err = link.secrets(); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// applier is the configuration of the room that writes.
func (c *highwayConf) applier(log zerolog.Logger) applier.Config {
	a := applier.Config{Root: c.To, Prune: c.Prune, MaxDelete: c.MaxDelete.Limit, Trash: time.Duration(*c.Trash),
		TrashMax: int64(c.TrashMax), VerifyEvery: time.Duration(c.VerifyEvery), Quota: c.quota(), MinFree: c.MinFree.Floor, Log: log}
	if *c.Trash == 0 {
		a.Trash = -1
	}
	if c.yes {
		a.MaxDelete = applier.Limit{Count: 1 << 62}
	}
	return a
}

// cityName is how a capitol's status calls this city.
func cityName(to string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	name := host + ":" + to
	return name[:min(len(name), stream.MaxCityName)]
}

// live is all that a city does.
func (c *city) live(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.runClient(ctx) })
	g.Go(func() error { return c.runDisk(ctx) })
	g.Go(func() error { return c.conf.Limit.keep(ctx, c.limit) })
	g.Go(func() error { return c.admin().serve(ctx, c.stateFolder()) })
	g.Go(func() error { return calm(ctx, c.disk.Journal()) })
	g.Go(func() error { return untilDamaged(ctx, c.disk.Journal()) })
	g.Go(func() error { return c.noteHeld(ctx) })
	g.Go(func() error { return c.keepReport(ctx) })
	return g.Wait()
}

// noteHeld notes in the state, once it is so, that the replica holds all of its part.
func (c *city) noteHeld(ctx context.Context) error {
	select {
	case <-c.sight.whole:
		return c.known.rememberHeld(c.stateFolder())
	case <-ctx.Done():
		return nil
	}
}

func (c *city) runClient(ctx context.Context) error {
	for c.rest(ctx) {
		turn, end := context.WithCancel(ctx)
		c.mu.Lock()
		c.again = end
		c.mu.Unlock()
		err := c.when.within(turn, func(ctx context.Context) error { return c.follow.Client.Run(ctx, c.follow) })
		end()
		if err != nil {
			return fmt.Errorf("follow %s: %w", stream.Display(c.conf.From), err)
		}
	}
	return nil
}

// runDisk begins with a check of the whole replica, and what it repairs comes
// from the capitol: so it waits for the first connection.
func (c *city) runDisk(ctx context.Context) error {
	if _, err := c.sight.until(ctx, func(n *situation) bool { return n.Mode != 0 }); err != nil {
		return nil
	}
	return c.disk.Run(ctx, c.follow)
}

// inStep says that both ends are proven equal, and that the capitol's is whole.
func (c *city) inStep(now *situation) bool {
	if c.walked == nil {
		return now.inStep()
	}
	goal := c.walked.Load()
	return goal != nil && now.inStep() && now.Proven.Epoch == goal.Epoch && now.Proven.Seq >= goal.Seq
}

// restart makes the client begin anew at once instead of waiting for its next attempt.
func (c *city) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.again != nil {
		c.again()
	}
}

func (c *city) stateFolder() string { return filepath.Join(c.conf.To, applier.StateName) }

func (c *city) close() error { return c.disk.Close() }

// tree is what a relay serves: the same journal, from this disk.
func (c *city) tree() stream.Tree {
	return stream.Tree{Name: c.conf.ServeAs, Journal: c.disk.Journal(), Source: opener[applier.Body](c.disk.Open), Lists: c.disk, Ready: c.sight.whole,
		SubDirs: c.conf.SubDirs, Lineage: c.lineage, Unable: c.unable}
}

func (c *city) admin() *admin {
	return &admin{
		status: func(ctx context.Context) (any, error) { return c.report(ctx) },
		retry:  c.restart,
	}
}
