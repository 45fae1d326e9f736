package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/stream"
)

// steward says who lives in the house: what this machine's file wants, and what
// the plan of a registry wants of it. It follows both as they change.
//
//	file ──┐
//	       ├──▶ steward ──settle──▶ house
//	plan ──┘        └──▶ registry: the parts of other machines, told to who asks
type steward struct {
	a          *app
	path, name string
	read       stamp // the file as it was when it was read last
	house      *house
	registry   *registry

	mu    sync.Mutex // guards what follows; held while the house is settled
	local *fileConf
	part  string        // of the registry's plan, as it came last
	plan  *planFollower // nil: no registry is followed
}

// newSteward reads the file. A change from now on is noticed.
func newSteward(a *app, path, name string) (*steward, error) {
	read := fingerprint(path)
	conf, err := readConfig(path, name)
	if err != nil {
		return nil, err
	}
	h := newHouse(a, stateFolder(conf.State))
	return &steward{a: a, path: path, name: name, read: read, local: conf, house: h, registry: newRegistry(a, h.roster, conf.parts)}, nil
}

// run opens all that the file wants, so that what is wrong with it is said before
// anything runs, and follows what changes.
func (s *steward) run(ctx context.Context) error {
	if c := s.local; len(c.trees())+len(c.highways()) == 0 && c.Registry.From == "" && !c.serves() {
		return usage("say which one this is: --name, or name = \"…\" at the top", "%s has nothing for machine %q", stream.Display(s.path), c.Name)
	}
	if err := s.local.checkPlaces(); err != nil {
		return err
	}
	s.house.stays = s.local.Registry.From != "" || s.local.tells() || s.local.served
	defer s.house.close()
	if s.local.serves() {
		var err error
		if s.house.door, err = s.local.Serve.check(stateFolder(s.local.State)); err != nil {
			return err
		}
		s.house.door.plan = s.registry
	}
	if err := s.house.open(s.local.lodgings(s.a)); err != nil {
		return err
	}
	beside := []func(context.Context) error{s.watchFile}
	if s.local.Registry.From != "" {
		var err error
		if s.plan, err = s.openPlan(); err != nil {
			return err
		}
		beside = append(beside, s.plan.run)
	}
	return s.house.run(ctx, beside...)
}

// settleLocked makes the house what file and plan want. Where both want one
// directory it is the file's.
func (s *steward) settleLocked() planReport {
	wanted := s.local.lodgings(s.a)
	accepted, report := s.local.accept(s.part)
	for _, h := range accepted {
		wanted = append(wanted, h.lodging(s.a))
	}
	s.house.settle(wanted)
	return report
}

// fileStep is how often the file is looked at: a change is known within a second.
const fileStep = 300 * time.Millisecond

// watchFile takes over what the file says, whenever it says something else or a
// SIGHUP comes, until ctx ends.
func (s *steward) watchFile(ctx context.Context) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGHUP)
	defer signal.Stop(asked)
	tick := time.NewTicker(fileStep)
	defer tick.Stop()
	for {
		select {
		case <-asked:
		case <-tick.C:
			now := fingerprint(s.path)
			if now == s.read || now.gone { // an editor that replaces it is not done
				continue
			}
			s.read = now
		case <-ctx.Done():
			return nil
		}
		s.reload()
	}
}

// stamp tells whether a file was changed.
type stamp struct {
	gone bool
	ino  uint64
	size int64
	at   time.Time
	ctim syscall.Timespec
}

func fingerprint(path string) stamp {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return stamp{gone: true}
	}
	p := stamp{size: st.Size(), at: st.ModTime()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		p.ino, p.ctim = sys.Ino, sys.Ctim
	}
	return p
}

// reload takes over what is right. Of a file with a mistake nothing is.
func (s *steward) reload() {
	log := s.a.logger()
	conf, err := readConfig(s.path, s.name)
	if err == nil {
		err = conf.checkPlaces()
	}
	if err != nil {
		log.Error().Err(err).Str("hint", hintOf(err)).Msg("the config file is wrong; all stays as it was")
		s.a.say("the config file is wrong, all stays as it was: %v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.local
	if !reflect.DeepEqual([]any{old.Name, old.State, old.Serve, old.Registry}, []any{conf.Name, conf.State, conf.Serve, conf.Registry}) ||
		conf.serves() && s.house.door == nil {
		log.Warn().Msg("what the config file says of this machine's name, state, serve and registry holds from the next start on")
		s.a.say("what the config file says of name, state, serve and registry holds from the next start on")
		conf.State = old.State
	}
	s.local = conf
	s.registry.tell(conf.parts)
	report := s.settleLocked()
	if s.plan != nil {
		s.plan.report(report)
	}
	log.Info().Int("trees", len(conf.trees())).Int("highways", len(conf.highways())).Str("file", stream.Display(s.path)).Msg("config file taken over")
}
