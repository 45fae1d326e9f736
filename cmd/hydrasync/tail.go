package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

const tailLong = `tail prints a tree's entries: what changed, in order, as the journal has it.

URL is a tree of a capitol, DIR a source or a replica on this machine. Without
--since it begins a few entries before the end. With --file it follows one
file's content instead, as tail -F does, through appends and replacements.`

// tailConf is what the flags of tail say.
type tailConf struct {
	link   linkConf
	state  string
	since  int64
	follow bool
	json   bool
	file   string
	lines  int
}

func newTail(a *app) *cobra.Command {
	var conf tailConf
	c := &cobra.Command{
		Use:     "tail URL|DIR",
		Short:   "Print a tree's entries, or follow one file's content",
		Long:    tailLong,
		Example: "  hydrasync tail ws://127.0.0.1:49996/site -f\n  hydrasync tail /srv/copy --since 1200 --json\n  hydrasync tail ws://127.0.0.1:49996/logs --file app/error.log",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf.link.From = args[0]
			return conf.run(c.Context(), a)
		},
	}
	f := c.Flags()
	f.Int64Var(&conf.since, "since", -1, "begin after this entry (default: the last few)")
	f.BoolVarP(&conf.follow, "follow", "f", false, "go on with what comes")
	f.BoolVar(&conf.json, "json", false, "one JSON object a line")
	f.StringVar(&conf.file, "file", "", "follow the content of this file of the tree")
	f.IntVarP(&conf.lines, "lines", "n", 10, "begin so many entries, or lines of the file, before the end")
	conf.link.flags(f)
	stateFlag(f, &conf.state)
	return c
}

func (t *tailConf) run(ctx context.Context, a *app) error {
	if t.lines < 0 {
		return usage("--lines is a count", "--lines %d is none", t.lines)
	}
	if t.file != "" && !filepath.IsLocal(t.file) {
		return usage("a path inside the tree, relative and without ..", "--file %q is no path of a tree", t.file)
	}
	switch {
	case isURL(t.link.From) && t.file != "":
		w, err := t.open()
		if err != nil {
			return err
		}
		return followRemote(ctx, a, w, t.file, t.lines)
	case isURL(t.link.From):
		w, err := t.open()
		if err != nil {
			return err
		}
		return t.entries(ctx, a, w)
	case t.file != "":
		return followLocal(ctx, a, t.link.From, t.file, t.lines)
	}
	return t.local(ctx, a)
}

// open is the capitol's pages; the address must name a tree.
func (t *tailConf) open() (*web, error) {
	w, err := openWeb(t.link)
	if err == nil && w.tree == "" {
		return nil, usage("write ws://HOST:PORT/NAME", "%q names no tree", t.link.From)
	}
	return w, err
}

// local serves a journal of this machine to ourselves, read-only, so that there
// is one way to read entries. Nobody wakes a read-only journal: we look again.
func (t *tailConf) local(ctx context.Context, a *app) error {
	folder, err := findState(stateFolder(t.state), t.link.From)
	if err != nil {
		return err
	}
	j, err := journal.OpenReadOnly(filepath.Join(folder, journalName))
	if err != nil {
		return err
	}
	defer j.Close()
	road := newMemoryListener()
	srv, err := stream.NewServer(stream.ServerConfig{Trees: []stream.Tree{{Name: mirrorTree, Journal: j, Source: noContent{}}}, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	w := &web{base: "http://localhost", tree: mirrorTree, again: localStep,
		client: &http.Client{Transport: &http.Transport{DialContext: road.Dial}}}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return srv.Serve(ctx, road) })
	g.Go(func() error {
		if err := t.entries(ctx, a, w); err != nil {
			return err
		}
		return errDone
	})
	if err := g.Wait(); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

// noContent is the source of a journal that is only read.
type noContent struct{}

// Open implements [stream.Source].
func (noContent) Open(context.Context, journal.Node) (stream.Body, error) {
	return nil, stream.ErrMoved
}

// localStep is how often a journal of this machine is looked at again, and
// remoteStep how long a lost connection waits.
const (
	localStep  = 200 * time.Millisecond
	remoteStep = time.Second
)

// entries prints entries from the wanted one on, and with -f for ever.
func (t *tailConf) entries(ctx context.Context, a *app, w *web) error {
	since, err := t.begin(ctx, a, w)
	if err != nil {
		return err
	}
	for {
		err := t.read(ctx, a, w, &since)
		if !t.follow || ctx.Err() != nil || err != nil && !isLost(err) {
			return err
		}
		select {
		case <-time.After(w.step()):
		case <-ctx.Done():
			return nil
		}
	}
}

// begin is the entry after which to begin.
func (t *tailConf) begin(ctx context.Context, a *app, w *web) (uint64, error) {
	head, err := w.head(ctx)
	if err != nil {
		return 0, err
	}
	if t.since < 0 {
		return max(head.Floor, head.Seq-min(head.Seq, uint64(t.lines))), nil
	}
	if since := uint64(t.since); since >= head.Floor {
		return since, nil
	}
	fmt.Fprintf(a.err, "hydrasync: entries up to %d are not kept any more\n", head.Floor)
	return head.Floor, nil
}

// read prints what one request answers, and moves since on.
func (t *tailConf) read(ctx context.Context, a *app, w *web, since *uint64) error {
	query := url.Values{"since": {strconv.FormatUint(*since, 10)}}
	if t.follow && w.again == 0 {
		query.Set("follow", "1")
	}
	resp, err := w.get(ctx, w.page("events"), query, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readAnswer(resp, nil)
	}
	lines := json.NewDecoder(resp.Body)
	for {
		var raw json.RawMessage
		if err := lines.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return lost(fmt.Errorf("read entries: %w", err))
		}
		var e stream.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("read entry: %w", err)
		}
		if err := t.print(a.out, raw, &e); err != nil {
			return err
		}
		*since = e.Seq
	}
}

func (t *tailConf) print(w io.Writer, raw []byte, e *stream.Event) error {
	if t.json {
		_, err := fmt.Fprintln(w, plainJSON(string(raw)))
		return err
	}
	when, more := "", ""
	if e.Time != nil {
		when = e.Time.Local().Format(time.DateTime + ".000")
	}
	switch {
	case e.Text != "":
		more = "  " + plainText(e.Text)
	case e.EventState != nil && e.Size != nil:
		more = "  " + bytesText(*e.Size)
	case e.EventState != nil && e.Target != "":
		more = "  -> " + plainText(e.Target)
	}
	_, err := fmt.Fprintf(w, "%8d  %s  %-8s %s%s\n", e.Seq, when, plainText(e.What), plainText(e.Path), more)
	return err
}
