package stream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Visitors hears who comes, leaves and is refused: it keeps a log. Its methods may be
// called at once, and must not block.
type Visitors interface {
	Came(v *Visit)
	// Left has nil if nothing was wrong. With [NoFault] the city was sent away, to come again.
	Left(v *Visit, why error, whose Fault)
	// Reported hears what a visitor says of itself, or of a replica beneath it. How often is the visitor's will.
	Reported(v *Visit, r Report)
	Refused(r Refusal)
}

// Visit is one subscription, from the hello to its end. Names are as they are.
type Visit struct {
	City   string // by which it has joined, else as it calls itself
	Joined bool
	Tree   string
	Remote string // without the port
	Since  time.Time
	Mode   Mode
	Reason string

	Replica string // the city's id; "" if it says none
	Place   string // of this end: the id in the tree's lineage
	Program string // the version of the city's program
	TLS     bool

	entries, bytes atomic.Int64
	confirmed      atomic.Bool
}

// Confirm is the server's: see Confirmed.
func (v *Visit) Confirm() { v.confirmed.Store(true) }

// Confirmed says that the city has something on its disk that it did not have when it came, or has
// proved that it is in step. A city that refuses what it is sent never does.
func (v *Visit) Confirmed() bool { return v.confirmed.Load() }

// Sent is how many entries were sent so far, and the bytes of them and of content.
// Heartbeats do not count: without changes both stay.
func (v *Visit) Sent() (entries, bytes int64) { return v.entries.Load(), v.bytes.Load() }

// Refusal is an attempt that led to nothing, by who has not failed too often already.
type Refusal struct {
	City   string // whose credential or code it is or was; "" if that is not known
	Tree   string // that was asked for; "" for none
	Remote string // without the port
	Reason string
}

// nobody is told where nobody keeps a log.
type nobody struct{}

func (nobody) Came(*Visit)               {}
func (nobody) Reported(*Visit, Report)   {}
func (nobody) Left(*Visit, error, Fault) {}
func (nobody) Refused(Refusal)           {}

// arrive tells of a subscription that both ends have agreed on.
func (p *subscription) arrive() {
	p.visit.City = cmp.Or(p.pass.City, p.hello.City)
	p.visit.Tree, p.visit.Since, p.visit.Mode, p.visit.Reason = p.tree.Name, p.joined, p.mode, p.reason
	p.visit.Joined = p.pass.City != ""
	p.visit.Replica, p.visit.Program = p.hello.Replica, p.hello.Program
	if way := p.tree.lineage(); len(way) > 0 {
		p.visit.Place = way[len(way)-1].ID
	}
	p.srv.cfg.Visitors.Came(&p.visit)
}

// turnedAway tells of a handshake that ends with a refusal for good.
func (p *subscription) turnedAway(err error) {
	var own *ownFault
	if errors.As(err, &own) && own.Permanent {
		p.srv.cfg.Visitors.Refused(Refusal{City: cmp.Or(p.pass.City, p.hello.City), Tree: p.tree.Name, Remote: p.visit.Remote, Reason: own.Text})
	}
}

// depart tells that it is over.
func (p *subscription) depart(err error) {
	whose, why := ending(err)
	p.srv.cfg.Visitors.Left(&p.visit, why, whose)
}

// ending says what was wrong when a subscription ended, and whose doing that was; nil is
// either end's will.
func ending(err error) (Fault, error) {
	var closed *websocket.CloseError
	var own *ownFault
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return NoFault, nil
	case errors.Is(err, ErrProtocol):
		return FaultRemote, err
	case errors.As(err, &own):
		return NoFault, err // the city is told so, and comes again
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &closed):
		return NoFault, nil // the city has closed its end, as it does when it is stopped
	case errors.Is(err, errSocket):
		return FaultInBetween, err
	}
	return FaultLocal, err
}

// remote is a caller's address without the port.
func (g *guard) remote(r *http.Request) string {
	if from := g.caller(r); from.IsValid() {
		return from.String()
	}
	return r.RemoteAddr
}
