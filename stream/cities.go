package stream

import (
	"cmp"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// enter and exit keep the list of cities.
func (s *Server) enter(p *subscription) {
	s.mu.Lock()
	s.subs[p] = struct{}{}
	s.mu.Unlock()
	s.bell.ring()
	s.meter.joined.Add(1)
}

func (s *Server) exit(p *subscription) {
	s.mu.Lock()
	delete(s.subs, p)
	s.mu.Unlock()
	s.bell.ring()
}

// City is a connected city, for status.
type City struct {
	Name     string // by which it has joined; else as it calls itself, escaped
	Joined   bool   // the ledger knows it by that name
	Calls    string // as it calls itself, escaped
	Tree     string
	Remote   string
	Program  string   // its version, escaped
	SubDirs  []string // escaped
	Since    time.Time
	Mode     Mode
	Told     journal.Position // what it was sent
	Acked    journal.Position // what it has confirmed to be on its disk
	Behind   uint64           // entries between Acked and the head; 0 if it has confirmed nothing yet
	Confirms bool             // Acked is of this journal's epoch
	Waits    bool             // its comparison begins once the tree was walked
	InLine   bool             // others are brought up to date before it
}

// Cities lists who is connected.
func (s *Server) Cities() []City {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]City, 0, len(s.subs))
	for p := range s.subs {
		list = append(list, p.status())
	}
	return list
}

// standing is where a city is: for status, and to judge what it confirms.
type standing struct {
	joined time.Time

	mu    sync.Mutex       // guards what follows
	told  journal.Position // the last that the city was told
	acked journal.Position // the last that the city has confirmed
	waits bool             // the comparison has not begun: the tree is not certain
	urged journal.Seq      // when it is told so far, it hears a heartbeat at once; zero: nobody asked
	rouse func()           // ends its pause; nil: it makes none
}

func (s *standing) tell(pos journal.Position) {
	s.mu.Lock()
	s.told = pos
	s.mu.Unlock()
}

func (s *standing) toldSeq() journal.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told.Seq
}

func (s *standing) setWaits(waits bool) {
	s.mu.Lock()
	s.waits = waits
	s.mu.Unlock()
}

// confirm notes what the city says it has on disk. It is for display and for who waits
// for it, and refused when it cannot be.
func (s *standing) confirm(m Beat) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Position.Epoch == s.told.Epoch && m.Position.Seq > s.told.Seq {
		return broken("entry %d confirmed, %d was sent", m.Position.Seq, s.told.Seq)
	}
	s.acked = m.Position
	return nil
}

func (p *subscription) status() City {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := City{Name: Display(cmp.Or(p.pass.City, p.hello.City)), Joined: p.pass.City != "", Calls: Display(p.hello.City), Tree: Display(p.tree.Name), Remote: p.conn.ws.RemoteAddr().String(), Program: Display(p.hello.Program),
		Since: p.joined, Mode: p.mode, Told: p.told, Acked: p.acked, Waits: p.waits, InLine: p.turn.inLine()}
	for _, d := range p.hello.SubDirs {
		c.SubDirs = append(c.SubDirs, Display(d))
	}
	head := p.tree.Journal.Position()
	if c.Confirms = c.Acked.Epoch == head.Epoch; c.Confirms && head.Seq > c.Acked.Seq {
		c.Behind = uint64(head.Seq - c.Acked.Seq)
	}
	return c
}
