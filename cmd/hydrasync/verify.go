package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

const verifyLong = `verify compares a replica's disk with its journal and changes nothing. It may
run beside the city. With --from it also compares the journal with the capitol's:
the same entry of the same epoch, and the same tree digest over what the city
follows: its sub_dirs as it was last started with, or the whole tree.

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
	Equal   bool     `json:"equal"`
	Why     string   `json:"why,omitempty"`
	Seq     uint64   `json:"seq"`
	Head    uint64   `json:"head"`
	Digest  string   `json:"digest"`
	SubDirs []string `json:"sub_dirs,omitempty"` // that were compared; none is the whole tree
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

// compareOnce compares all that the replica's journal has with all that it is to have.
func (w *web) compareOnce(ctx context.Context, dir string) (*compare, error) {
	state := filepath.Join(dir, applier.StateName)
	subDirs, err := recallPart(state)
	if err != nil {
		return nil, err
	}
	head, err := w.headOf(ctx, subDirs)
	if err != nil {
		return nil, err
	}
	j, err := journal.OpenReadOnly(filepath.Join(state, journalName))
	if err != nil {
		return nil, err
	}
	defer j.Close()
	sum, own, err := j.ScopeDigest(ctx, nil)
	if err != nil {
		return nil, err
	}
	c := &compare{Seq: uint64(own.Seq), Head: head.Seq, Digest: sum.String()}
	for _, d := range subDirs {
		c.SubDirs = append(c.SubDirs, stream.Display(d))
	}
	switch {
	case len(head.Missing) > 0:
		c.Why = fmt.Sprintf("the tree %q has no %s, which the replica is to follow", w.tree, strings.Join(head.Missing, ", "))
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

// headOf is head with the digest over sub_dirs, if there are any. The tree is there: a
// capitol without such a page does not know the question.
func (w *web) headOf(ctx context.Context, subDirs []string) (treeAnswer, error) {
	t, err := w.head(ctx)
	if err != nil || len(subDirs) == 0 {
		return t, err
	}
	resp, err := w.get(ctx, w.page("digest"), partOf(subDirs), "")
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return t, failed("install this version there too", "the capitol at %s is too old to compare some sub_dirs of a tree", w.base)
	}
	return t, readAnswer(resp, &t)
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
