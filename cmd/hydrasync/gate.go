package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// gate lets in whom the ledger knows. A pass ends when the ledger says something
// else of its city, whichever process has changed it.
type gate struct {
	book *ledger.Ledger
	log  zerolog.Logger

	mu   sync.Mutex // also around reading the ledger: what was read before a change is not kept after it
	held map[string]*heldPass
	seen map[string]sighting
}

// heldPass is what one city may have now; all its connections share it.
type heldPass struct {
	city ledger.City
	pass *stream.Pass
	end  func()
}

// sighting is when the ledger was last told of a city, and from where.
type sighting struct {
	at     time.Time
	remote string
}

func newGate(book *ledger.Ledger, log zerolog.Logger) *gate {
	return &gate{book: book, log: log, held: make(map[string]*heldPass), seen: make(map[string]sighting)}
}

// Admit implements [stream.Gate].
func (g *gate) Admit(ctx context.Context, credential string) (*stream.Pass, error) {
	s, err := ledger.ParseSecret(credential)
	if err != nil {
		return nil, &stream.UnfitError{Reason: "not a credential"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	city, err := g.book.Admit(ctx, s)
	if err != nil {
		return nil, unfit(city.Name, err)
	}
	h := g.held[city.Name]
	if h != nil && h.city.Same(&city) {
		return h.pass, nil
	}
	if h != nil {
		h.end()
	}
	h = &heldPass{city: city}
	h.pass, h.end = stream.NewPass(city.Name, city.Grants)
	g.held[city.Name] = h
	return h.pass, nil
}

// Join implements [stream.Gate].
func (g *gate) Join(ctx context.Context, code, credential string) (stream.Joined, error) {
	s, err := ledger.ParseSecret(code)
	if err != nil {
		return stream.Joined{}, &stream.UnfitError{Reason: "not a join code"}
	}
	own := ledger.NewSecret()
	if credential != "" {
		if own, err = ledger.ParseSecret(credential); err != nil {
			return stream.Joined{}, &stream.UnfitError{Reason: "not a credential"}
		}
	}
	city, err := g.book.Redeem(ctx, s, own)
	if err != nil {
		return stream.Joined{}, unfit(city.Name, err)
	}
	return stream.Joined{City: city.Name, Credential: own.Reveal(), Node: g.book.Node()}, nil
}

// unfit tells a reason from a ledger that cannot be read.
func unfit(city string, err error) error {
	for _, reason := range []error{ledger.ErrUnknown, ledger.ErrRevoked, ledger.ErrNoCode, ledger.ErrExpired, ledger.ErrUsed, ledger.ErrWithdrawn} {
		if errors.Is(err, reason) {
			return &stream.UnfitError{City: city, Reason: reason.Error()}
		}
	}
	return err
}

// again is how long a ledger that could not be read is left alone.
const again = time.Second

// follow ends passes that do not hold any more, until ctx ends. While the ledger
// cannot be read none holds: nobody could say who was revoked.
func (g *gate) follow(ctx context.Context) error {
	for {
		err := g.book.Watch(ctx, g.revise)
		if ctx.Err() != nil {
			return nil
		}
		g.log.Error().Err(err).Msg("cannot read who may come: everybody who has joined is cut off")
		g.endAll()
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *gate) endAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, h := range g.held {
		h.end()
		delete(g.held, name)
	}
}

func (g *gate) revise(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	cities, err := g.book.Cities(ctx)
	if err != nil {
		return err
	}
	good := make(map[string]*ledger.City, len(cities))
	for i := range cities {
		good[cities[i].Name] = &cities[i]
	}
	for name, h := range g.held {
		if now := good[name]; now == nil || !h.city.Same(now) {
			h.end()
			delete(g.held, name)
		}
	}
	return nil
}

// How often connected cities are noted in the ledger, and looked for.
const (
	sightingEvery = time.Minute
	sightingStep  = 2 * time.Second
)

// note keeps the ledger's word of who was last here, until ctx ends.
func (g *gate) note(ctx context.Context, cities func() []stream.City) error {
	tick := time.NewTicker(sightingStep)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, c := range cities() {
				if last := g.seen[c.Name]; !c.Joined || last.remote == c.Remote && now.Sub(last.at) < sightingEvery {
					continue
				}
				if err := g.book.Seen(ctx, c.Name, c.Remote, c.Program); err != nil && ctx.Err() == nil {
					g.log.Warn().Err(err).Str("city", stream.Display(c.Name)).Msg("cannot note that the city is here")
				}
				g.seen[c.Name] = sighting{now, c.Remote}
			}
		case <-ctx.Done():
			return nil
		}
	}
}
