package roster

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

const (
	keepEvery = time.Minute
	keepSoon  = time.Second     // who come and go together are written together
	lastTime  = 5 * time.Second // for what is left when the process ends
)

// kept is a row as the ledger has it.
type kept struct {
	Line
	about
}

// Load takes over what an earlier process knew. Nobody of these is here yet; who was when it died, is
// lost from now on.
func (r *Roster) Load(ctx context.Context, book *ledger.Ledger) error {
	reports, err := book.Reports(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range reports {
		var l kept
		if json.Unmarshal(k.Line, &l) != nil {
			continue // of a program that is newer: it comes again
		}
		rep, err := l.Report(0)
		if err != nil {
			continue
		}
		rep.ID = k.ID
		at := key{k.Teller, k.ID}
		r.setLocked(at, &row{Report: rep, about: l.about})
		r.rows[at].loseLocked(r)
		r.changedLocked(at, false)
		delete(r.unkept, at)
	}
	return nil
}

// Run keeps what changes in the ledger until ctx ends, and then what is left. What cannot be written
// is told to failed, and tried again.
func (r *Roster) Run(ctx context.Context, book *ledger.Ledger, failed func(error)) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.wake:
			select {
			case <-time.After(keepSoon):
			case <-ctx.Done():
			}
		case <-tick.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			r.keep(last, book, failed)
			return
		}
		r.keep(ctx, book, failed)
	}
}

func (r *Roster) keep(ctx context.Context, book *ledger.Ledger, failed func(error)) {
	reports, forget := r.take()
	if len(reports)+len(forget) == 0 {
		return
	}
	err := book.Keep(ctx, reports, forget)
	if err == nil {
		return
	}
	failed(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range append(reports, forget...) {
		r.unkept[key{k.Teller, k.ID}] = true
	}
}

// take is what the ledger does not have yet, and what it has to forget.
func (r *Roster) take() (reports, forget []ledger.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.unkept {
		one := r.rows[k]
		if one == nil {
			forget = append(forget, ledger.Report{Teller: k.teller, ID: k.id})
			continue
		}
		text, err := json.Marshal(kept{LineOf(&one.Report), one.about})
		if err != nil {
			continue // no time of it can be written: it is nothing to keep
		}
		reports = append(reports, ledger.Report{Teller: k.teller, ID: k.id, Lost: one.LostSince, Line: text})
	}
	clear(r.unkept)
	return reports, forget
}

// Kept lists what the ledger knows, where no process could say it better.
func Kept(ctx context.Context, book *ledger.Ledger) ([]Node, error) {
	r := New()
	if err := r.Load(ctx, book); err != nil {
		return nil, err
	}
	return r.Nodes(), nil
}
