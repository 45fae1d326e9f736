package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

const verifyLong = `verify compares a replica's disk with its journal and changes nothing. It may
run beside the city. With --from it also compares the journal with the capitol's:
the same entry of the same epoch, and the same tree digest over the whole tree.

Without --content a file whose times and size are as journaled is not read.`

// verifyConf is what the flags of verify say.
type verifyConf struct {
	link    linkConf
	content bool
	json    bool
}

// verified is the report.
type verified struct {
	applier.Report
	Equal   bool     `json:"equal"`
	Capitol *compare `json:"capitol,omitempty"`
}

// compare is how the journals of both ends stand to each other.
type compare struct {
	Equal  bool   `json:"equal"`
	Why    string `json:"why,omitempty"`
	Seq    uint64 `json:"seq"`
	Head   uint64 `json:"head"`
	Digest string `json:"digest"`
}

func newVerify(a *app) *cobra.Command {
	var conf verifyConf
	c := &cobra.Command{
		Use:     "verify DIR",
		Short:   "Compare a replica's disk with its journal, and with the capitol's",
		Long:    verifyLong,
		Example: "  hydrasync verify /srv/copy --content\n  hydrasync verify /srv/copy --from ws://127.0.0.1:49996/site --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return conf.run(c.Context(), a, args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&conf.link.From, "from", "", "also compare with this tree of a capitol, ws(s)://HOST:PORT/NAME")
	conf.link.flags(f)
	f.BoolVar(&conf.content, "content", false, "read every byte")
	jsonFlag(c, &conf.json)
	return c
}

func (v *verifyConf) run(ctx context.Context, a *app, dir string) error {
	at, err := findPlace(dir)
	if err != nil || !replica(at.path) {
		return usage("name the directory that a city or mirror writes to", "%s is not a replica", strconv.Quote(dir))
	}
	found := verified{}
	if found.Report, err = applier.VerifyDir(ctx, at.path, v.content); err != nil {
		return err
	}
	found.Equal = found.Report.Equal()
	if v.link.From != "" {
		if found.Capitol, err = v.compare(ctx, at.path); err != nil {
			return err
		}
		found.Equal = found.Equal && found.Capitol.Equal
	}
	if v.json {
		err = a.printJSON(found)
	} else {
		found.print(a)
	}
	if err == nil && !found.Equal {
		return &verdict{codeFailed}
	}
	return err
}

// compareTime is how long verify waits for a city that lags behind a tree that changes.
const (
	compareTime = 5 * time.Second
	compareStep = 100 * time.Millisecond
)

// compare asks the capitol where it is until both ends agree, or for compareTime.
func (v *verifyConf) compare(ctx context.Context, dir string) (*compare, error) {
	w, err := openWeb(v.link)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(compareTime); ; {
		c, err := w.compareOnce(ctx, dir)
		if err != nil || c.Equal || time.Now().After(end) {
			return c, err
		}
		select {
		case <-time.After(compareStep):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *web) compareOnce(ctx context.Context, dir string) (*compare, error) {
	head, err := w.head(ctx)
	if err != nil {
		return nil, err
	}
	j, err := journal.OpenReadOnly(filepath.Join(dir, applier.StateName, journalName))
	if err != nil {
		return nil, err
	}
	defer j.Close()
	sum, own, err := j.ScopeDigest(ctx, nil)
	if err != nil {
		return nil, err
	}
	c := &compare{Seq: uint64(own.Seq), Head: head.Seq, Digest: sum.String()}
	switch {
	case own.Epoch.String() != head.Epoch:
		c.Why = "the replica is of another epoch"
	case c.Seq != c.Head:
		c.Why = fmt.Sprintf("the replica is at entry %d, the capitol at %d", c.Seq, c.Head)
	case c.Digest != head.Digest:
		c.Why = "the tree digests differ"
	default:
		c.Equal = true
	}
	return c, nil
}

// head is what a capitol says of the tree.
func (w *web) head(ctx context.Context) (treeAnswer, error) {
	resp, err := w.get(ctx, "/v1/trees", nil, "")
	if err != nil {
		return treeAnswer{}, err
	}
	defer resp.Body.Close()
	var trees []treeAnswer
	if err := readAnswer(resp, &trees); err != nil {
		return treeAnswer{}, err
	}
	for _, t := range trees {
		if t.Name == stream.Display(w.tree) {
			return t, nil
		}
	}
	return treeAnswer{}, usage("hydrasync status "+w.base+" lists its trees", "%s has no tree %q", w.base, w.tree)
}

func (v *verified) print(a *app) {
	for _, f := range v.Findings {
		fmt.Fprintf(a.out, "%s: %s\n", f.What, stream.Display(f.Path))
	}
	if c := v.Capitol; c != nil && !c.Equal {
		fmt.Fprintf(a.out, "capitol: %s\n", c.Why)
	}
	word := "equal"
	if !v.Equal {
		word = "differs"
	}
	fmt.Fprintf(a.out, "%s: %s paths, %d missing, %d differ, %d foreign, %s read, in %s\n", word, countText(v.Nodes),
		v.Missing, v.Differs, v.Extra, bytesText(v.Read), tookText(time.Duration(v.Seconds*float64(time.Second))))
}
