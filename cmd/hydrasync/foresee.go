package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/follow"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// foresight is what --dry-run found. Paths are as they are.
type foresight struct {
	Add    []string `json:"add"`
	Change []change `json:"change"`
	Delete []string `json:"delete"`
	Equal  int64    `json:"equal"`
	Bytes  int64    `json:"bytes"` // of files that would be added or get other content
}

// change is a path that would become different, and in what.
type change struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// foreseer is the [stream.Subscriber] that compares everything with the disk and
// changes nothing. It asks for a full comparison and never for content.
type foreseer struct {
	conf  *highwayConf
	found foresight
	named map[string]bool
}

// Position claims to know nothing and to have all.
func (f *foreseer) Position(context.Context) (journal.Position, bool, error) {
	return journal.Position{}, true, nil
}

// Begin has nothing to prepare.
func (f *foreseer) Begin(context.Context, stream.Welcome) error {
	f.found, f.named = foresight{Add: []string{}, Change: []change{}, Delete: []string{}}, make(map[string]bool)
	return nil
}

// Late: nothing is left behind.
func (f *foreseer) Late() <-chan struct{} { return nil }

// Prepare has nothing to do ahead.
func (f *foreseer) Prepare(_ context.Context, b stream.Batch) stream.Work {
	return stream.Undivided(func(ctx context.Context) (journal.Position, error) { return b.Position, f.apply(ctx, b) })
}

// apply looks at the disk for each node; the last batch ends the client.
func (f *foreseer) apply(ctx context.Context, b stream.Batch) error {
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Note != nil || e.Change.Gone || e.Change.Node.ID == journal.Root {
			continue
		}
		f.named[e.Path] = true
		if err := f.look(e.Path, &e.Change.Node); err != nil {
			return &follow.Final{Err: err}
		}
	}
	if !b.FullDone {
		return nil
	}
	if err := f.lookForDeletes(ctx); err != nil {
		return &follow.Final{Err: err}
	}
	return &follow.Final{Err: errDone}
}

// Heartbeat has nothing to compare.
func (f *foreseer) Heartbeat(context.Context, stream.Beat) error { return nil }

func (f *foreseer) look(path string, n *journal.Node) error {
	full := filepath.Join(f.conf.To, path)
	var st unix.Stat_t
	err := unix.Lstat(full, &st)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		f.found.Add = append(f.found.Add, path)
		f.found.Bytes += n.Body.Size
		return nil
	case err != nil:
		return &os.PathError{Op: "stat", Path: full, Err: err}
	}
	what, err := differs(full, &st, n)
	switch {
	case err != nil:
		return err
	case what == "":
		f.found.Equal++
		return nil
	case what == "content" || what == "kind":
		f.found.Bytes += n.Body.Size
	}
	f.found.Change = append(f.found.Change, change{path, what})
	return nil
}

// differs says in what a path on disk differs from a node; "" in nothing that
// is carried. Content is read only where size is equal and time is not.
func differs(full string, st *unix.Stat_t, n *journal.Node) (string, error) {
	kinds := map[uint32]journal.Kind{unix.S_IFREG: journal.File, unix.S_IFDIR: journal.Dir, unix.S_IFLNK: journal.Symlink}
	owner := os.Geteuid() == 0 && (st.Uid != n.UID || st.Gid != n.GID)
	switch {
	case kinds[st.Mode&unix.S_IFMT] != n.Kind:
		return "kind", nil
	case n.Kind == journal.Symlink:
		target, err := os.Readlink(full)
		if err != nil || target != n.Target {
			return "target", err
		}
	case n.Kind == journal.File:
		if what, err := fileDiffers(full, st, n); what != "" || err != nil {
			return what, err
		}
	}
	switch {
	case n.Kind != journal.Symlink && st.Mode&0o7777 != n.Mode:
		return "mode", nil
	case owner:
		return "owner", nil
	}
	return "", nil
}

func fileDiffers(full string, st *unix.Stat_t, n *journal.Node) (string, error) {
	sec, nsec := st.Mtim.Unix()
	switch {
	case st.Size != n.Body.Size:
		return "content", nil
	case sec == n.MTime.Sec && nsec == int64(n.MTime.Nsec):
		return "", nil
	}
	f, err := os.OpenFile(full, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	if journal.Digest(hash.Sum(nil)) != n.Body.Digest {
		return "content", nil
	}
	return "time", nil
}

// lookForDeletes finds what the replica's journal has and the tree has not;
// with --prune everything on disk that the tree has not. Beneath a directory that goes
// nothing is listed.
func (f *foreseer) lookForDeletes(ctx context.Context) error {
	if f.conf.Prune {
		return f.lookForForeign()
	}
	if !replica(f.conf.To) {
		return nil
	}
	j, err := journal.OpenReadOnly(filepath.Join(f.conf.To, applier.StateName, journalName))
	if err != nil {
		return err
	}
	defer j.Close()
	doomed := make(map[string]bool)
	for all := j.All(nil); ; {
		chunk, err := all.Next(ctx, 1000)
		if err != nil {
			return err
		}
		for i := range chunk.Entries {
			path := chunk.Entries[i].Path
			if path == "" || f.named[path] {
				continue
			}
			if doomed[path] = true; !doomed[filepath.Dir(path)] {
				f.found.Delete = append(f.found.Delete, path)
			}
		}
		if chunk.Done {
			return nil
		}
	}
}

func (f *foreseer) lookForForeign() error {
	err := filepath.WalkDir(f.conf.To, func(full string, d os.DirEntry, err error) error {
		path := strings.TrimPrefix(strings.TrimPrefix(full, f.conf.To), "/")
		switch {
		case err != nil || path == "":
			return err
		case path == applier.StateName:
			return filepath.SkipDir
		case f.named[path]:
			return nil
		}
		f.found.Delete = append(f.found.Delete, path)
		if d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// foresee runs the comparison of a city.
func (c *highwayConf) foresee(ctx context.Context, a *app, once *onceFlags, w cityWorld) error {
	found, err := c.compare(ctx, a, once, w)
	if err != nil {
		return err
	}
	if once.json {
		return a.printJSON(found)
	}
	found.print(a)
	return nil
}

func (c *highwayConf) compare(ctx context.Context, a *app, once *onceFlags, w cityWorld) (*foresight, error) {
	sight := newSight(journal.Position{})
	client, err := newClient(c, sight, c.Limit.limiter(), "", w)
	if err != nil {
		return nil, err
	}
	f := &foreseer{conf: c}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return client.Run(ctx, f) })
	g.Go(func() error { return untilAlone(ctx, sight, c.From, time.Duration(once.timeout)) })
	if err := g.Wait(); !errors.Is(err, errDone) {
		return nil, errors.Join(err, ctx.Err())
	}
	return &f.found, nil
}

// foresee walks the source into a journal that is thrown away afterwards, and compares.
func (m *mirrorConf) foresee(ctx context.Context, a *app) error {
	if err := os.MkdirAll(m.state, 0o700); err != nil {
		return failed("name a folder that can be written: --state DIR", "make state folder: %w", err)
	}
	state, err := os.MkdirTemp(m.state, ".dry-run-")
	if err != nil {
		return failed("name a folder that can be written: --state DIR", "make state folder: %w", err)
	}
	defer os.RemoveAll(state)
	src, err := openSource(m.tree, stateFolder(state), a.logger())
	if err != nil {
		return err
	}
	defer src.close()
	road := newMemoryListener()
	if src.server, err = stream.NewServer(stream.ServerConfig{Trees: []stream.Tree{src.tree()}, Log: a.logger()}); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return src.run(ctx) })
	g.Go(func() error { return src.server.Serve(ctx, road) })
	g.Go(func() error {
		if err := src.walked(ctx); err != nil {
			return err
		}
		if err := m.city.foresee(ctx, a, &m.onceFlags, cityWorld{dial: road.Dial, log: a.logger()}); err != nil {
			return err
		}
		return errDone
	})
	if err := g.Wait(); !errors.Is(err, errDone) {
		return err
	}
	return src.certain()
}

func (f *foresight) print(a *app) {
	for _, path := range f.Add {
		fmt.Fprintf(a.out, "add     %s\n", stream.Display(path))
	}
	for _, c := range f.Change {
		fmt.Fprintf(a.out, "change  %s (%s)\n", stream.Display(c.Path), c.What)
	}
	for _, path := range f.Delete {
		fmt.Fprintf(a.out, "delete  %s\n", stream.Display(path))
	}
	fmt.Fprintf(a.out, "%s to add, %s to change, %s to delete, %s equal; %s of content at most\n", countText(int64(len(f.Add))),
		countText(int64(len(f.Change))), countText(int64(len(f.Delete))), countText(f.Equal), bytesText(f.Bytes))
}
