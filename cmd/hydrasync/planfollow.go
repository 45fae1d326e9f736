package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/stream"
)

// planName is the file in the state folder with the last part of the plan.
const planName = "plan.toml"

// planFollower keeps a machine's part of a registry's plan: the last one is on
// disk, and holds while the registry is away.
type planFollower struct {
	steward *steward
	web     *web
	path    string

	mu      sync.Mutex
	untold  *planReport   // the newest, until the registry has it
	waiting chan struct{} // holds one token when there is one
}

// openPlan finds the last part. Nothing is asked yet.
func (s *steward) openPlan() (*planFollower, error) {
	w, err := openWeb(s.local.Registry.link())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.local.State, 0o700); err != nil {
		return nil, failed("name a folder that can be written: state = \"DIR\"", "make state folder: %w", err)
	}
	p := &planFollower{steward: s, web: w, path: filepath.Join(s.local.State, planName), waiting: make(chan struct{}, 1)}
	text, err := os.ReadFile(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("make it readable, or remove it: it comes again from the registry", "read the last plan: %w", err)
	}
	s.part = string(text)
	return p, nil
}

// How often a registry that is away is asked.
const (
	registryFirst = 200 * time.Millisecond
	registryMost  = 15 * time.Second
)

// run follows the registry until ctx ends.
func (p *planFollower) run(ctx context.Context) error {
	p.take(p.steward.part)
	log := p.steward.a.logger()
	told := false
	for wait := registryFirst; ctx.Err() == nil; wait = min(2*wait, registryMost) {
		heard, err := p.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if heard {
			wait, told = registryFirst, false
		}
		if !told {
			told = true
			log.Warn().Err(err).Str("registry", stream.Display(p.web.base)).Msg("the registry is away; the last plan holds")
		}
		pause(ctx, wait/2+rand.N(wait))
	}
	return nil
}

// follow reads lines as long as they come.
func (p *planFollower) follow(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := p.web.get(ctx, "/v1/plan", p.query(), "")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, readAnswer(resp, nil)
	}
	silence := time.AfterFunc(planSilence, cancel)
	defer silence.Stop()
	var telling sync.WaitGroup
	telling.Go(func() { p.tell(ctx) })
	telling.Go(func() { p.tellNodes(ctx) })
	defer telling.Wait()
	defer cancel()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxPart)
	for lines.Scan() {
		var line planLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return heard, fmt.Errorf("read plan: %w", err)
		}
		silence.Reset(planSilence)
		heard = true
		if line.Part != nil {
			p.take(*line.Part)
		}
	}
	return heard, fmt.Errorf("read plan: %w", cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

// maxPart is the longest line that is read: some thousand highways.
const maxPart = 4 << 20

func (p *planFollower) query() url.Values { return url.Values{"name": {p.steward.local.Name}} }

// take makes the house follow a part, and keeps it for the next start.
func (p *planFollower) take(part string) {
	s := p.steward
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.part != part {
		if err := writeDurably(p.path, []byte(part)); err != nil {
			log := s.a.logger()
			log.Error().Err(err).Msg("cannot keep the plan for the next start")
		}
		s.part = part
	}
	p.report(s.settleLocked())
}

// report logs what is refused here, and has the registry told.
func (p *planFollower) report(r planReport) {
	log := p.steward.a.logger()
	if r.Error != "" {
		log.Error().Str("err", r.Error).Msg("the plan is refused")
		p.steward.a.say("the plan is refused: %s", r.Error)
	}
	for _, f := range r.Refused {
		log.Error().Str("to", stream.Display(f.To)).Str("err", f.Why).Str("hint", f.Hint).Msg("a highway of the plan is refused")
		p.steward.a.say("the highway to %s is refused: %s", stream.Display(f.To), f.Why)
	}
	log.Info().Int("highways", r.Accepted).Str("version", r.Version).Msg("plan taken over")
	p.mu.Lock()
	p.untold = &r
	p.mu.Unlock()
	p.wake()
}

func (p *planFollower) wake() {
	select {
	case p.waiting <- struct{}{}:
	default:
	}
}

// tell sends reports as they come, until ctx ends. One that cannot be sent is sent
// with the next connection.
func (p *planFollower) tell(ctx context.Context) {
	p.wake()
	for {
		select {
		case <-p.waiting:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		r := p.untold
		p.mu.Unlock()
		if r == nil {
			continue
		}
		if err := p.send(ctx, &planPost{planReport: *r}); err != nil {
			if !pause(ctx, registryFirst) {
				return
			}
			p.wake()
			continue
		}
		p.mu.Lock()
		if p.untold == r {
			p.untold = nil
		}
		p.mu.Unlock()
	}
}

// tellNodes tells how this machine's trees and replicas are, and those beneath them, until ctx ends.
// One that cannot be told is told again with all others.
func (p *planFollower) tellNodes(ctx context.Context) {
	for ctx.Err() == nil {
		_ = p.steward.house.roster.Follow(ctx, "", func(news []stream.Report) error { // the next attempt meets it again, or not
			for part := range slices.Chunk(news, maxNodes) {
				post := planPost{Sent: time.Now()}
				for i := range part {
					post.Nodes = append(post.Nodes, roster.LineOf(&part[i]))
				}
				if err := p.send(ctx, &post); err != nil {
					return err
				}
			}
			return nil
		})
		pause(ctx, registryMost)
	}
}

func (p *planFollower) send(ctx context.Context, r *planPost) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, planSilence)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, p.web.base+"/v1/plan?"+p.query().Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if p.web.token != "" {
		q.Header.Set("Authorization", "Bearer "+p.web.token)
	}
	resp, err := p.web.client.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the registry answers %s", resp.Status)
	}
	return nil
}

// writeDurably replaces a file at once, on disk when it returns.
func writeDurably(path string, text []byte) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
