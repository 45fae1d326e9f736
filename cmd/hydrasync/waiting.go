package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// waitReport is how a wait ended.
type waitReport struct {
	Tree      string     `json:"tree"`
	Seq       uint64     `json:"seq"` // what was waited for
	Epoch     string     `json:"epoch,omitempty"`
	Uncertain string     `json:"uncertain,omitempty"` // why nobody can say that all is there
	Done      bool       `json:"done"`
	Confirmed []string   `json:"confirmed"`
	Behind    []waitLine `json:"behind"`
}

// waitLine is a city that has not confirmed.
type waitLine struct {
	City      string `json:"city"`
	Connected bool   `json:"connected"`
	Acked     uint64 `json:"acked"`  // the entry up to which all is on its disk; 0 if it is not known
	Behind    uint64 `json:"behind"` // entries
}

// wanted says which cities are waited for.
type wanted struct {
	name string // one; "" for any
	most int    // so many of them; 0: all that are known
}

// parseWanted reads all, a number, or a name.
func parseWanted(text string) (wanted, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 {
			return wanted{}, usage("write --city 1 or more, --city all, or a city's name", "%d cities are none to wait for", n)
		}
		return wanted{most: n}, nil
	}
	switch text {
	case "":
		return wanted{}, usage("write --city all, a number, or a city's name", "no city is named")
	case "all":
		return wanted{}, nil
	}
	return wanted{name: text}, nil
}

// wait takes the position of everything that was saved before the call, and waits until
// cities have confirmed it, for so long. Only what went wrong here is an error.
func (s *source) wait(ctx context.Context, who string, timeout time.Duration) (any, error) {
	want, err := parseWanted(who)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &waitReport{Tree: s.conf.Name, Confirmed: []string{}, Behind: []waitLine{}}
	lost := s.watch.Lost()
	goal, err := s.watch.Barrier(ctx)
	var uncertain *watcher.UncertainError
	switch {
	case errors.As(err, &uncertain):
		r.Uncertain = uncertain.Why
		return r, nil
	case errors.Is(err, context.DeadlineExceeded):
		r.Uncertain = "what was saved is not in the journal within " + tookText(timeout)
		return r, nil
	case err != nil:
		return nil, err
	}
	r.Seq, r.Epoch = uint64(goal.Seq), goal.Epoch.String()
	absent, err := s.absent(ctx)
	if err != nil {
		return nil, err
	}
	err = s.server.Await(ctx, s.conf.Name, func(cities []stream.City) bool {
		r.judge(cities, want, goal, absent)
		return r.Done
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if s.watch.Lost() != lost {
		r.Done, r.Uncertain = false, "events were lost meanwhile; the tree is being compared"
	}
	return r, nil
}

// absent are cities that this tree is granted to by its name: they are waited for
// also while they are away.
func (s *source) absent(ctx context.Context) (names []string, err error) {
	if s.door == nil || s.door.book == nil {
		return nil, nil
	}
	cities, err := s.door.book.Cities(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cities {
		for _, g := range c.Grants {
			if c.Revoked.IsZero() && g.Tree == s.conf.Name && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names, nil
}

// judge sorts cities into those that have confirmed and those that have not. A city that
// is connected more than once has confirmed when every connection has: each is a replica.
func (r *waitReport) judge(cities []stream.City, want wanted, goal journal.Position, absent []string) {
	r.Confirmed, r.Behind, r.Done = []string{}, []waitLine{}, false
	here := map[string]bool{}
	for _, c := range cities {
		here[c.Name] = true
		if want.name != "" && want.name != c.Name && want.name != c.Calls {
			continue
		}
		if c.Confirms && c.Acked.Epoch == goal.Epoch && c.Acked.Seq >= goal.Seq {
			r.Confirmed = append(r.Confirmed, c.Name)
			continue
		}
		line := waitLine{City: c.Name, Connected: true, Behind: uint64(goal.Seq)}
		if c.Confirms {
			line.Acked = uint64(c.Acked.Seq)
			line.Behind -= min(line.Acked, line.Behind)
		}
		r.Behind = append(r.Behind, line)
	}
	for _, name := range absent {
		if !here[name] && (want.name == "" || want.name == name) {
			r.Behind = append(r.Behind, waitLine{City: stream.Display(name), Behind: uint64(goal.Seq)})
		}
	}
	slices.Sort(r.Confirmed)
	slices.SortFunc(r.Behind, func(a, b waitLine) int { return strings.Compare(a.City, b.City) })
	if want.most > 0 {
		r.Done = len(r.Confirmed) >= want.most
		return
	}
	r.Done = len(r.Behind) == 0 && len(r.Confirmed) > 0
}

// sentence is the report in one line, for a person.
func (r *waitReport) sentence() string {
	switch {
	case r.Uncertain != "":
		return "not certain: " + r.Uncertain
	case r.Done:
		return fmt.Sprintf("entry %d is on the disk of %s", r.Seq, strings.Join(r.Confirmed, ", "))
	case len(r.Behind) == 0 && len(r.Confirmed) == 0:
		return "no such city is connected"
	}
	var late []string
	for _, b := range r.Behind {
		text := fmt.Sprintf("%s (%d entries behind)", b.City, b.Behind)
		if !b.Connected {
			text = b.City + " (not connected)"
		}
		late = append(late, text)
	}
	if len(late) == 0 {
		return fmt.Sprintf("entry %d is on the disk of %d cities only: %s", r.Seq, len(r.Confirmed), strings.Join(r.Confirmed, ", "))
	}
	return fmt.Sprintf("entry %d is not yet on the disk of %s", r.Seq, strings.Join(late, ", "))
}
