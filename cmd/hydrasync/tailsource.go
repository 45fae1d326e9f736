package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/stream"
)

// followLocal follows a file of a directory on this machine.
func followLocal(ctx context.Context, a *app, dir, file string, lines int) error {
	if _, err := findPlace(dir); err != nil {
		return usage("name a source or a replica on this machine, or a URL", "%w", err)
	}
	t := &tailer{a: a, file: &localFile{path: filepath.Join(dir, file)}, name: file}
	err := t.run(ctx, lines)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// localFile looks at a disk.
type localFile struct {
	path string
	last unix.Stat_t
}

// look is how often a local file is looked at: a stat costs a microsecond.
const look = 50 * time.Millisecond

func (l *localFile) open(_ context.Context, off int64) (*piece, error) {
	f, err := os.OpenFile(l.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(usage("only files can be followed", "%s is not a regular file", strconv.Quote(l.path)), f.Close())
	}
	if off < 0 {
		off = max(0, st.Size+off)
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &piece{id: fmt.Sprintf("%d/%d", st.Dev, st.Ino), from: off, size: st.Size, body: f}, nil
}

func (l *localFile) changed(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		var now unix.Stat_t // of nothing, if there is nothing
		_ = unix.Stat(l.path, &now)
		if now.Ino != l.last.Ino || now.Size != l.last.Size || now.Mtim != l.last.Mtim {
			l.last = now
			return nil
		}
	}
}

// followRemote follows a file of a capitol's tree: its content by ranges, and
// the tree's events as a bell.
func followRemote(ctx context.Context, a *app, w *web, file string, lines int) error {
	r := &remoteFile{web: w, path: file, bell: make(chan struct{}, 1)}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.listen(ctx) })
	g.Go(func() error { return (&tailer{a: a, file: r, name: file}).run(ctx, lines) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type remoteFile struct {
	web  *web
	path string
	bell chan struct{}
}

func (r *remoteFile) open(ctx context.Context, off int64) (*piece, error) {
	span := fmt.Sprintf("bytes=%d-", off)
	if off < 0 {
		span = fmt.Sprintf("bytes=%d", off)
	}
	resp, err := r.web.get(ctx, r.web.page("content"), url.Values{"path": {r.path}}, span)
	if err != nil {
		return nil, err
	}
	p := &piece{id: resp.Header.Get("Hydrasync-Node") + "/" + resp.Header.Get("Hydrasync-Generation"), body: resp.Body}
	switch resp.StatusCode {
	case http.StatusOK: // an empty file has no ranges
		p.size = resp.ContentLength
		return p, nil
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		p.from, p.size = contentRange(resp.Header.Get("Content-Range"))
		if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			p.body = http.NoBody
			return p, resp.Body.Close()
		}
		return p, nil
	case http.StatusNotFound:
		return nil, errors.Join(errAbsent, resp.Body.Close())
	case http.StatusConflict:
		return nil, errors.Join(errMovedOn, resp.Body.Close())
	}
	defer resp.Body.Close()
	return nil, readAnswer(resp, nil)
}

// contentRange reads "bytes A-B/SIZE" and "bytes */SIZE" (RFC 9110, 14.4).
func contentRange(text string) (from, size int64) {
	span, all, _ := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	from, _ = strconv.ParseInt(first, 10, 64)
	size, _ = strconv.ParseInt(all, 10, 64)
	return from, size
}

func (r *remoteFile) changed(ctx context.Context) error {
	select {
	case <-r.bell:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listen rings at every entry about the file or a directory above it, and
// whenever something may have been missed.
func (r *remoteFile) listen(ctx context.Context) error {
	for {
		r.ring()
		if err := r.hear(ctx); ctx.Err() == nil && !isLost(err) {
			return err
		}
		select {
		case <-time.After(remoteStep):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *remoteFile) hear(ctx context.Context) error {
	resp, err := r.web.get(ctx, r.web.page("events"), url.Values{"since": {"now"}, "follow": {"1"}}, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readAnswer(resp, nil)
	}
	r.ring() // what came before the first event
	lines, own := json.NewDecoder(resp.Body), stream.Display(r.path)
	for {
		var e stream.Event
		if err := lines.Decode(&e); err != nil {
			return lost(err)
		}
		if e.Path == own || strings.HasPrefix(own, e.Path+"/") {
			r.ring()
		}
	}
}

func (r *remoteFile) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}
