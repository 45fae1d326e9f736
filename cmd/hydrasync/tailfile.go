package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hydrasync/hydrasync/stream"
)

// grower is a file that is followed, wherever it is.
type grower interface {
	// open gives what is there from an offset on; a negative one counts from the end.
	open(ctx context.Context, off int64) (*piece, error)
	// changed waits until there may be something new.
	changed(ctx context.Context) error
}

// piece is one look at the file. As long as id stays, bytes were only appended.
type piece struct {
	id   string
	from int64 // where body begins
	size int64
	body io.ReadCloser
}

// errAbsent says that there is no such file now; errMovedOn that what there was
// is being replaced, and that the file will change again.
var (
	errAbsent  = errors.New("no such file")
	errMovedOn = errors.New("the content has moved on")
)

// tailWindow is how much of a file's end is searched for its last lines.
const tailWindow = 64 << 10

// tailer follows one file, as tail -F does.
type tailer struct {
	a    *app
	file grower
	name string // for people
	id   string // "" while absent
	at   int64
}

// run prints the last lines and then whatever is appended, until ctx ends.
func (t *tailer) run(ctx context.Context, lines int) error {
	if err := t.start(ctx, lines); err != nil {
		return err
	}
	for {
		if err := t.file.changed(ctx); err != nil {
			return err
		}
		if err := t.look(ctx); err != nil {
			return err
		}
	}
}

// start takes the first look.
func (t *tailer) start(ctx context.Context, lines int) error {
	first, err := t.file.open(ctx, -tailWindow)
	switch {
	case errors.Is(err, errMovedOn):
		if err := t.file.changed(ctx); err != nil {
			return err
		}
		return t.start(ctx, lines)
	case errors.Is(err, errAbsent):
		t.say("does not exist yet")
		return nil
	case err != nil:
		return err
	}
	return t.begin(first, lines)
}

// begin prints the last lines of what was first seen.
func (t *tailer) begin(p *piece, lines int) error {
	defer p.body.Close()
	text, err := io.ReadAll(p.body)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, err)
	}
	t.id, t.at = p.id, p.from+int64(len(text))
	_, err = t.a.out.Write(lastLines(text, lines))
	return err
}

// lastLines cuts a text before its last n lines; an unfinished one counts.
func lastLines(text []byte, n int) []byte {
	if n == 0 {
		return nil
	}
	end := len(bytes.TrimSuffix(text, []byte("\n")))
	for ; n > 0; n-- {
		if end = bytes.LastIndexByte(text[:end], '\n'); end < 0 {
			return text
		}
	}
	return text[end+1:]
}

// look prints what is new, and says when the file is another one.
func (t *tailer) look(ctx context.Context) error {
	p, err := t.file.open(ctx, t.at)
	switch {
	case errors.Is(err, errAbsent):
		if t.id != "" {
			t.say("has become inaccessible")
		}
		t.id, t.at = "", 0
		return nil
	case errors.Is(err, errMovedOn), isLost(err):
		return nil // the next look goes on from here
	case err != nil:
		return err
	}
	if p.id == t.id && p.size >= t.at {
		return t.copy(p)
	}
	p.body.Close()
	switch {
	case t.id == "":
		t.say("has appeared; following the new file")
	case p.id == t.id:
		t.say("has been truncated")
	default:
		t.say("has been replaced; following the new file")
	}
	t.id, t.at = p.id, 0
	return t.look(ctx)
}

func (t *tailer) copy(p *piece) error {
	defer p.body.Close()
	n, err := io.Copy(t.a.out, p.body)
	t.at += n
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // the connection broke; the next look goes on from here
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, err)
	}
	return nil
}

func (t *tailer) say(what string) {
	fmt.Fprintf(t.a.err, "hydrasync: %s %s\n", stream.Display(t.name), what)
}
