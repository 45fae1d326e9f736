package stream

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// session is one connection, seen from the city: a reader, a preparer, an
// applier and a pulse.
type session struct {
	client  *Client
	conn    *conn
	every   time.Duration
	queue   *queue
	asks    *asks
	welcome Welcome
	origin  *origin

	// Of the applier alone, and of who waits for it:
	healthy bool  // it got somewhere
	agreed  bool  // a beat proved "in step"
	beat    *Beat // the last that was not proven yet

	mu      sync.Mutex
	applied Beat // what the city has on disk
}

// connect lives through one connection, and says whether it was any good.
func (c *Client) connect(ctx context.Context, s Subscriber, o *origin, compare bool) (healthy bool, err error) {
	pos, has, err := s.Position(ctx)
	if err != nil {
		return false, &localError{err}
	}
	life, end := context.WithCancel(ctx)
	defer end()
	cn, err := c.dial(life, o)
	if err != nil {
		return false, err
	}
	defer cn.close()
	stopClosing := context.AfterFunc(life, cn.close)
	defer stopClosing()
	w, err := c.shakeHands(cn, Hello{Versions: []uint64{Version}, Tree: o.tree, Position: pos, SubDirs: c.cfg.SubDirs,
		Features: []string{featureZstd, featureChunks, featureLineage, featureReport}, HasContent: has, Compare: compare, City: c.cfg.City, As: c.cfg.As,
		Heartbeat: c.cfg.Heartbeat, Window: c.cfg.Window, Replica: c.cfg.Replica, Program: c.cfg.Program})
	if err != nil {
		return false, err
	}
	cn.arm(3 * w.Heartbeat)
	if w.Waits {
		c.cfg.Log.Info().Str("tree", Display(o.tree)).Msg("the capitol walks its tree first, then the trees are compared")
	}
	c.report(State{Phase: Connected, From: o.URL, Welcome: w})
	ss := &session{client: c, origin: o, conn: cn, welcome: w, every: w.Heartbeat, queue: newQueue(c.cfg.Window), asks: newAsks()}
	if w.Mode != Full {
		ss.applied.Position = pos
	}
	c.use(ss)
	defer c.use(nil)
	err = ss.run(ctx, life, s, end)
	return ss.healthy, err
}

func (c *Client) use(s *session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
}

// run lasts as long as the connection. What has arrived whole is applied even
// if the connection is gone by then: it need not be sent again.
func (s *session) run(ctx, life context.Context, sub Subscriber, end func()) error {
	var running sync.WaitGroup
	var heard, beaten, better error
	running.Go(func() {
		heard = s.listen()
		s.asks.close()
		s.queue.close()
		end()
	})
	running.Go(func() {
		beaten = s.pulse(life)
		end()
	})
	running.Go(func() { s.report(life) })
	running.Go(func() {
		if better = s.client.seekBetter(life, s.origin); better != nil {
			end()
		}
	})
	applied := s.apply(ctx, sub)
	end()
	running.Wait()
	switch {
	case permanent(applied):
		return applied
	case better != nil:
		return better
	case isProtocol(heard), errors.As(heard, new(*RefusedError)), errors.As(heard, new(*faultError)):
		return heard // the capitol's doing, whatever it led to here
	case applied != nil && !errors.Is(applied, ErrDisconnected):
		return applied
	case heard != nil:
		return heard
	}
	return beaten
}

// listen reads until the connection breaks. It never waits for the disk: what
// may arrive is bounded by the window and by what was asked for.
func (s *session) listen() error {
	for {
		message, err := s.conn.read()
		if err != nil {
			return err
		}
		k, payload, err := s.client.codec.unpack(message, MaxFrame)
		if err != nil {
			return err
		}
		if err := s.hear(k, payload); err != nil {
			return err
		}
	}
}

func (s *session) hear(k kind, payload []byte) error {
	c := s.client.codec
	switch k {
	case kindBatch:
		return s.queue.put(item{payload: bytes.Clone(payload)})
	case kindBeat:
		b, err := c.decodeBeat(payload)
		if err != nil {
			return err
		}
		s.client.line(b.InLine)
		if b.Scope.IsZero() {
			return nil
		}
		return s.queue.put(item{beat: &b})
	case kindLineage:
		l, err := c.decodeLineage(payload)
		if err != nil {
			return err
		}
		s.client.learn(l)
		return nil
	case kindContent:
		m, err := c.decodeContent(payload)
		if err != nil {
			return err
		}
		return s.asks.take(m)
	case kindChunks:
		m, err := c.decodeChunks(payload)
		if err != nil {
			return err
		}
		return s.asks.takeChunks(m)
	case kindMoved:
		m, err := c.decodeMoved(payload)
		if err != nil {
			return err
		}
		return s.asks.refuse(m)
	case kindError:
		return s.client.ended(payload)
	}
	return broken("frame %d from a capitol", k)
}

// apply hands over what arrives, in its order, until the queue is closed and
// empty. While one group of batches is applied, the next is prepared.
func (s *session) apply(ctx context.Context, sub Subscriber) error {
	if err := sub.Begin(ctx, s.welcome); err != nil {
		return &localError{err}
	}
	preparing, stop := context.WithCancel(ctx)
	defer stop()
	steps := make(chan step)
	var broke error
	go func() {
		defer close(steps)
		broke = s.prepare(preparing, sub, steps)
	}()
	err := s.applyAll(ctx, sub, steps)
	stop()
	for st := range steps {
		st.drop()
	}
	if err == nil {
		err = broke
	}
	return err
}

// applyAll ends without an error when there are no more steps.
func (s *session) applyAll(ctx context.Context, sub Subscriber, steps <-chan step) error {
	for {
		var err error
		select {
		case st, ok := <-steps:
			if !ok {
				return nil
			}
			err = s.applyOne(ctx, sub, st)
		case <-sub.Late():
			err = s.applyOne(ctx, sub, step{work: sub.Prepare(ctx, Batch{})})
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) applyOne(ctx context.Context, sub Subscriber, st step) error {
	if st.work == nil {
		s.beat = st.beat
		return s.prove(ctx, sub)
	}
	pos, err := st.work.Apply(ctx)
	if err != nil {
		return &localError{err}
	}
	if pos.IsZero() || pos == s.position() {
		return nil
	}
	s.note(Beat{Position: pos})
	if s.beat != nil && s.beat.Position == pos {
		return s.prove(ctx, sub)
	}
	return nil
}

// prove compares at the last beat. If something was left behind, the beat is
// heard again when it has come.
func (s *session) prove(ctx context.Context, sub Subscriber) error {
	if err := sub.Heartbeat(ctx, *s.beat); err != nil {
		if errors.Is(err, ErrDiffers) {
			// Comparing again and again without ever agreeing gets nowhere:
			// the next attempt waits longer.
			s.healthy = s.agreed
		}
		return &localError{err}
	}
	if s.beat.Position == s.position() {
		s.agreed = true
		s.note(*s.beat)
		_ = s.say(kindPulse, toBeat(*s.beat)) // an error shows up in listen
		s.beat = nil
	}
	return nil
}

func (s *session) note(b Beat) {
	s.mu.Lock()
	s.applied = b
	s.mu.Unlock()
	s.healthy = true
}

func (s *session) position() journal.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied.Position
}

// pulse tells the capitol that this city lives, and where it is.
func (s *session) pulse(ctx context.Context) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		s.mu.Lock()
		b := s.applied
		s.mu.Unlock()
		if err := s.say(kindPulse, toBeat(b)); err != nil {
			return err
		}
	}
}

func (s *session) say(k kind, frame any) error {
	message, err := s.client.codec.pack(k, frame)
	if err != nil {
		return err
	}
	return s.conn.write(message)
}
