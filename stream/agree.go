package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// terms are what the handshake settled.
type terms struct {
	hello   Hello
	every   time.Duration // between heartbeats, both ways
	packs   bool          // the city takes packed messages
	lists   bool          // the city may ask for chunks
	kin     bool          // the city hears when the lineage changes
	reports bool          // the city may report
	way     Lineage       // the one that it knows
	mode    Mode
	reason  string           // for it
	from    journal.Position // what the city has, unless it is compared
	goal    journal.Seq      // what it is to have to be up to date: the head
}

// shakeHands reads the hello and answers it. Nothing that it does takes longer
// than handshakeTime, whatever the city does.
func (p *subscription) shakeHands(ctx context.Context) (err error) {
	_ = p.conn.ws.SetReadDeadline(time.Now().Add(handshakeTime))
	_ = p.conn.ws.SetWriteDeadline(time.Now().Add(handshakeTime))
	defer func() {
		if err != nil {
			p.confess(err)
		}
	}()
	message, err := p.conn.read()
	if err != nil {
		return err
	}
	k, payload, err := p.srv.codec.unpack(message, MaxClientFrame)
	if err != nil {
		return err
	}
	if k != kindHello {
		return broken("frame %d before the hello", k)
	}
	if p.hello, err = p.srv.codec.decodeHello(payload); err != nil {
		return err
	}
	if p.hello.Tree != p.tree.Name {
		return &ownFault{fault{Code: CodeTree, Text: "the hello names another tree than the request", Permanent: true}}
	}
	if !slices.Contains(p.hello.Versions, Version) {
		return &ownFault{fault{Code: CodeVersion, Permanent: true,
			Text: fmt.Sprintf("no version in common: this capitol speaks %d, the city %v", Version, p.hello.Versions)}}
	}
	if err := errors.Join(p.permitted(), p.within(), p.notDescended()); err != nil {
		return err
	}
	return p.answer(ctx)
}

// permitted holds the hello against the pass.
func (p *subscription) permitted() error {
	var text string
	switch {
	case p.hello.As != "" && p.pass.City != "" && p.hello.As != p.pass.City:
		text = "this is the credential of " + Display(p.pass.City) + ", not of " + Display(p.hello.As)
	case !p.may.covers(p.hello.SubDirs):
		text = "not granted: " + asked(p.hello.SubDirs) + " of tree " + Display(p.tree.Name) + "; granted: " + p.may.String()
	default:
		return nil
	}
	p.srv.cfg.Log.Warn().Str("remote", p.conn.ws.RemoteAddr().String()).Str("city", Display(p.pass.City)).
		Str("tree", Display(p.tree.Name)).Str("reason", text).Msg("refused")
	return &ownFault{fault{Code: CodeGrant, Text: text, Permanent: true}}
}

// asked is a hello's sub_dirs for people.
func asked(subDirs []string) string {
	if len(subDirs) == 0 {
		return "the whole tree"
	}
	return "sub_dirs " + reach{dirs: subDirs}.String()
}

func (p *subscription) answer(ctx context.Context) error {
	p.agree()
	verdict, err := p.judge(ctx)
	if err != nil {
		return err
	}
	sum, head, err := p.tree.Journal.ScopeSum(ctx, p.hello.SubDirs)
	if err != nil {
		return fmt.Errorf("read totals: %w", err)
	}
	mode, reason, err := p.choose(head, verdict)
	if err != nil {
		return err
	}
	m := Welcome{Version: Version, Mode: mode, Reason: reason, Position: head, Nodes: sum.Nodes, Bytes: sum.Bytes, Heartbeat: p.every, Waits: p.mustWait()}
	p.reason, p.way, p.goal = reason, p.tree.lineage(), head.Seq
	m.Lineage = p.way
	p.setWaits(m.Waits)
	if p.packs {
		m.Features = append(m.Features, featureZstd)
	}
	if p.lists {
		m.Features = append(m.Features, featureChunks)
	}
	if p.kin {
		m.Features = append(m.Features, featureLineage)
	}
	if p.reports {
		m.Features = append(m.Features, featureReport)
	}
	message, err := p.srv.codec.pack(kindWelcome, toWelcome(m))
	if err != nil {
		return err
	}
	p.srv.cfg.Log.Info().Str("tree", Display(p.tree.Name)).Str("city", Display(p.hello.City)).
		Stringer("mode", mode).Str("reason", reason).Bool("waits", m.Waits).Msg("city joined")
	return p.conn.write(message)
}

// agree settles what both ends have a say in. The city may want more frequent
// heartbeats, within reason, but never rarer ones than the capitol's own.
func (p *subscription) agree() {
	own := p.srv.cfg.Heartbeat
	p.every = own
	if p.hello.Heartbeat > 0 {
		p.every = min(max(p.hello.Heartbeat, min(own, time.Second)), own)
	}
	p.flow.size = defaultWindow
	if p.hello.Window > 0 {
		p.flow.size = max(p.hello.Window, MinWindow)
	}
	p.packs = slices.Contains(p.hello.Features, featureZstd)
	p.kin = slices.Contains(p.hello.Features, featureLineage)
	p.reports = p.hears()
	p.lists = p.tree.Lists != nil && slices.Contains(p.hello.Features, featureChunks)
}

// judge checks the city's position. It stands before the head is read, so that
// a relay that moves on meanwhile is never behind a position it has approved;
// and a relay is asked first whether it is able, for the same reason.
func (p *subscription) judge(ctx context.Context) (journal.Verdict, error) {
	unable := p.unable()
	v, err := p.tree.Journal.Check(ctx, p.hello.Position)
	if err != nil {
		return 0, fmt.Errorf("check position: %w", err)
	}
	if unable != nil && v != journal.Empty && (v != journal.Resumable || p.hello.Compare) {
		return 0, unable
	}
	return v, nil
}

// choose decides how the city is brought up to date, and says why.
func (p *subscription) choose(head journal.Position, v journal.Verdict) (Mode, string, error) {
	if head.Epoch.IsZero() {
		// A relay that is itself in the middle of a comparison: what it holds
		// is not a tree yet, and must not look like one.
		return 0, "", &ownFault{fault{Code: CodeStale, Text: "the journal has no position yet"}}
	}
	switch lag := head.Seq - p.hello.Position.Seq; {
	case p.hello.Compare:
		p.tree.Journal.Doubt() // its digest was not that of what it tells, or the city's was not
		p.mode = Full
		return Full, "the city asks for it", nil
	case v != journal.Resumable:
		p.mode = Full
		return Full, v.String(), nil
	case lag > resumeEntries:
		p.mode = CatchUp
		p.from, p.told = p.hello.Position, p.hello.Position
		return CatchUp, fmt.Sprintf("%d entries behind", lag), nil
	default:
		p.mode = Resume
		p.from, p.told = p.hello.Position, p.hello.Position
		return Resume, fmt.Sprintf("%d entries behind", lag), nil
	}
}

// featureZstd: the city takes packed messages.
const featureZstd = "zstd"
