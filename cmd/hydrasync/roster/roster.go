package roster

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// Step is how often something is told upward at most.
const Step = 2 * time.Second

// Roster is the list. All methods may be called at once.
type Roster struct {
	wake chan struct{} // something is to be kept soon

	mu      sync.Mutex // guards what follows
	rows    map[key]*row
	here    map[*stream.Visit]*Teller
	mark    uint64         // of the newest change
	beneath map[string]int // how many rows of a teller are not his own word of himself
	moved   chan struct{}  // closed and renewed at every change
	unkept  map[key]bool   // the ledger has something else, or nothing
	now     func() time.Time
}

// key is whose word a row is, and of which replica. The word of this machine itself is "".
type key struct{ teller, id string }

// row is what was told last.
type row struct {
	stream.Report
	about
	own  bool    // this machine's
	by   *Teller // while he is connected
	mark uint64
}

// about is what a row has beside the report.
type about struct {
	First   bool   `json:"first,omitempty"`   // the replica's own word
	Tree    string `json:"served,omitempty"`  // as it is called here
	Place   string `json:"place,omitempty"`   // of this machine, beneath which it is
	Through string `json:"through,omitempty"` // the replica of who told it
}

// New makes an empty one.
func New() *Roster {
	return &Roster{wake: make(chan struct{}, 1), rows: make(map[key]*row), here: make(map[*stream.Visit]*Teller), beneath: make(map[string]int),
		moved: make(chan struct{}), unkept: make(map[key]bool), now: time.Now}
}

// Own notes how a place of this machine is.
func (r *Roster) Own(rep stream.Report, tree string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{id: rep.ID}
	old := r.rows[k]
	if old != nil && old.Report == rep {
		return
	}
	r.setLocked(k, &row{Report: rep, own: true, about: about{First: true, Tree: tree}})
	r.changedLocked(k, false)
}

// Fail notes that a place of this machine does not run, and why.
func (r *Roster) Fail(id string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{id: id}
	if one := r.rows[k]; one != nil {
		one.State, one.Why, one.Since, one.Percent = "does not run", why.Error(), r.now(), 0
		r.changedLocked(k, false)
	}
}

// Drop forgets a place of this machine. Who is told of it is told that it is no more.
func (r *Roster) Drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{id: id}
	if one := r.rows[k]; one != nil {
		one.loseLocked(r)
		r.changedLocked(k, false)
	}
}

// changedLocked has a row told upward, and kept.
func (r *Roster) changedLocked(k key, soon bool) {
	r.mark++
	r.rows[k].mark = r.mark
	close(r.moved)
	r.moved = make(chan struct{})
	if k.teller == "" {
		return
	}
	r.unkept[k] = true
	if soon {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Follow tells what there is of one place of this machine and beneath it ("": all), and what is new
// of it, until ctx ends or telling fails. Its own have no name: who hears knows it better.
func (r *Roster) Follow(ctx context.Context, place string, tell func([]stream.Report) error) error {
	for mark := uint64(0); ; {
		news, now, moved := r.since(mark, place)
		if len(news) > 0 {
			if err := tell(news); err != nil {
				return err
			}
		}
		mark = now
		clock := time.NewTimer(Step)
		select {
		case <-clock.C:
		case <-ctx.Done():
		}
		clock.Stop()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// since is what changed after a mark, the oldest first, and what is closed when there is more.
func (r *Roster) since(mark uint64, place string) (news []stream.Report, now uint64, moved <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*row
	for k, one := range r.rows {
		own := k.teller == "" && (place == "" || k.id == place)
		if one.mark > mark && (own || k.teller != "" && (place == "" || one.Place == place)) {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b *row) int { return cmp.Compare(a.mark, b.mark) })
	for _, one := range found {
		rep := one.Report
		if one.own {
			rep.Name = ""
		}
		news = append(news, rep)
	}
	return news, r.mark, r.moved
}
