package stream

import (
	"context"
	"fmt"
)

// listen reads what the city says. It never waits for anything else, so a
// city's heartbeats and requests are always heard.
func (p *subscription) listen(ctx context.Context) error {
	p.wants.open = make(map[uint64]context.CancelFunc)
	p.wants.turns = make(chan struct{}, wantWorkers)
	for {
		p.conn.rest()
		message, err := p.conn.read()
		if err != nil {
			return brokenOr(err)
		}
		k, payload, err := p.srv.codec.unpack(message, MaxClientFrame)
		if err != nil {
			return err
		}
		if err := p.hear(ctx, k, payload); err != nil {
			return err
		}
	}
}

func (p *subscription) hear(ctx context.Context, k kind, payload []byte) error {
	c := p.srv.codec
	switch k {
	case kindWant:
		m, err := c.decodeWant(payload)
		if err != nil {
			return err
		}
		return p.serve(ctx, m, p.answerWant)
	case kindList:
		m, err := c.decodeList(payload)
		if err != nil {
			return err
		}
		return p.list(ctx, m)
	case kindCancel:
		var m wireCancel
		if err := c.decode(payload, &m); err != nil {
			return err
		}
		p.wants.cancel(m.Request)
		return nil
	case kindCredit:
		var m wireCredit
		if err := c.decode(payload, &m); err != nil {
			return err
		}
		return p.flow.grant(m.Consumed)
	case kindReport:
		return p.hearReport(payload)
	case kindPulse:
		m, err := c.decodeBeat(payload)
		if err != nil {
			return err
		}
		if err := p.confirm(m); err != nil {
			return err
		}
		p.turn.confirmed(m.Position.Seq, p.toldSeq())
		if !m.Scope.IsZero() || !m.Position.IsZero() && m.Position != p.hello.Position {
			p.visit.Confirm()
		}
		p.srv.bell.ring()
		return nil
	}
	return broken("frame %d from a city", k)
}

// brokenOr tells a broken connection, to which nothing more can be said, from
// a peer that breaks the protocol.
func brokenOr(err error) error {
	if isProtocol(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errSocket, err)
}
