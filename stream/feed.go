package stream

import (
	"context"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// feed tells the city what it lacks and then what changes, as long as the
// connection lives: read a part of the journal, send it, repeat; at the head,
// wait to be woken.
func (p *subscription) feed(ctx context.Context) error {
	f := feeder{subscription: p, at: p.from, due: time.Now().Add(p.every)}
	if p.mode == Full {
		if p.mustWait() {
			if err := f.untilCertain(ctx); err != nil {
				return err
			}
		}
		if err := f.myTurn(ctx, 0); err != nil {
			return err
		}
		if err := f.full(ctx); err != nil {
			return err
		}
	}
	var pg *page
	for {
		if err := f.room(ctx); err != nil {
			return err
		}
		next, err := p.share.next(ctx, f.at, pg, f.sure)
		if err != nil {
			return err
		}
		pg = next
		for _, m := range pg.messages {
			if err := f.send(ctx, m); err != nil {
				return err
			}
			f.owe(settleTime)
		}
		f.visit.entries.Add(int64(pg.entries))
		f.at, f.sure = pg.position, pg.sure
		if len(pg.messages) > 0 {
			p.tell(f.at)
		}
		if len(pg.more.Entries) > 0 {
			continue
		}
		pg = nil
		if err := f.rest(ctx); err != nil {
			return err
		}
	}
}

// feeder is the state of the loop in feed.
type feeder struct {
	*subscription
	at     journal.Position // what it has told, or passed over
	sure   bool             // it has told everything up to there
	due    time.Time        // of the next heartbeat
	proven bool             // "in step" was claimed once: from then on heartbeats have time
}

// owe brings the next heartbeat forward, never back: a stream of changes does
// not put it off.
func (f *feeder) owe(in time.Duration) {
	if t := time.Now().Add(in); t.Before(f.due) {
		f.due = t
	}
}

// room waits until the city can take a batch; meanwhile it hears heartbeats.
func (f *feeder) room(ctx context.Context) error {
	for {
		ok, err := f.flow.wait(ctx, f.due)
		if ok || err != nil {
			return err
		}
		if err := f.live(ctx, Beat{Position: f.told}); err != nil {
			return err
		}
	}
}

// myTurn waits until the city may be sent so many bytes; meanwhile it hears heartbeats, and why.
func (f *feeder) myTurn(ctx context.Context, n int) error {
	waited := false
	for {
		wait := f.turn.ask(n)
		if wait == nil && !waited {
			return nil
		}
		if !waited || wait == nil || !time.Now().Before(f.due) {
			if err := f.live(ctx, Beat{Position: f.told}); err != nil || wait == nil {
				return err
			}
		}
		waited = true
		if err := f.turn.await(ctx, wait, f.due); err != nil {
			return err
		}
	}
}

// rest waits at the head. It returns when there is more to read.
func (f *feeder) rest(ctx context.Context) error {
	for {
		head := f.tree.Journal.Position()
		if head.Epoch != f.at.Epoch || head.Seq < f.at.Seq {
			return journal.ErrOtherEpoch // a relay whose own capitol is a new one, or was rolled back
		}
		behind := head.Seq > f.at.Seq
		switch due := !time.Now().Before(f.due); {
		case behind && !due:
			return nil
		case due || !f.proven && f.tree.certain():
			if err := f.beat(ctx); err != nil {
				return err
			}
			if behind {
				return nil
			}
		}
		if err := f.pause(ctx); err != nil {
			return err
		}
	}
}

// beat proves "in step", if the head has not moved meanwhile and the tree is
// certain. Entries outside the city's scope moved the position in silence: the
// city hears of it now.
func (f *feeder) beat(ctx context.Context) error {
	certain := f.tree.certain() // asked first: what is added up later tells no less
	scope, pos, err := f.share.digest(ctx)
	if err != nil {
		return err
	}
	if f.at != f.told {
		m, err := (&part{position: f.at}).message(ctx, f.tree)
		if err != nil {
			return err
		}
		if err := f.send(ctx, &sealed{plain: m}); err != nil {
			return err
		}
		f.tell(f.at)
	}
	b := Beat{Position: f.at}
	if certain && pos == f.at {
		b.Scope, f.proven = scope, true
	}
	return f.live(ctx, b)
}

// live sends a heartbeat.
func (f *feeder) live(ctx context.Context, b Beat) error {
	f.due = time.Now().Add(f.every)
	b.InLine = f.turn.inLine()
	if l := f.tellLineage(); l != nil {
		m, err := f.srv.codec.pack(kindLineage, l)
		if err != nil {
			return err
		}
		if err := f.out.send(ctx, m); err != nil {
			return err
		}
	}
	m, err := f.srv.codec.pack(kindBeat, toBeat(b))
	if err != nil {
		return err
	}
	return f.out.send(ctx, m)
}

// send counts a batch against the window and packs it if that pays.
func (f *feeder) send(ctx context.Context, m *sealed) error {
	if err := f.myTurn(ctx, len(m.plain)); err != nil {
		return err
	}
	f.flow.spend(len(m.plain) - 2)
	f.srv.meter.batches.Add(1)
	message := m.plain
	if f.packs && f.pace.pays.Load() {
		message = m.pack(f.srv.codec)
		f.pace.gained(len(m.plain), len(message))
	}
	f.visit.bytes.Add(int64(len(message)))
	return f.out.send(ctx, message)
}

// everything is the read of every node. A city that has neither content nor position
// has nothing that could seem to be gone because it was left out.
func (f *feeder) everything() *journal.Cursor {
	if !f.hello.HasContent && f.hello.Position.IsZero() {
		return f.tree.Journal.Fill(f.hello.SubDirs)
	}
	return f.tree.Journal.All(f.hello.SubDirs)
}

// full sends every node. The parts have no position but the last.
func (f *feeder) full(ctx context.Context) error {
	cursor := f.everything()
	fill := filling{tree: f.tree, only: whole(f.hello.SubDirs), full: true, inline: !f.hello.HasContent}
	for {
		if err := f.room(ctx); err != nil {
			return err
		}
		chunk, err := cursor.Next(ctx, chunkEntries)
		if err != nil {
			return err
		}
		if chunk.Done && chunk.Position.Epoch.IsZero() {
			return journal.ErrOtherEpoch // a relay that has begun a comparison of its own
		}
		err = fill.parts(ctx, chunk, func(m []byte) error {
			if err := f.room(ctx); err != nil {
				return err
			}
			return f.send(ctx, &sealed{plain: m})
		})
		if err != nil {
			return err
		}
		f.visit.entries.Add(int64(len(chunk.Entries)))
		if chunk.Done {
			f.at, f.sure = chunk.Position, true
			f.tell(f.at)
			return nil
		}
	}
}
