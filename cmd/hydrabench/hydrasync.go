package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/wire"
)

// treeName is what the capitol publishes the source as.
const treeName = "t"

func newHydrasync(program string) *contestant {
	return &contestant{name: hydrasync, needs: []string{program}, durable: true, carries: tree.Everything,
		skip: []string{".hydrasync"}, calm: time.Second,
		follow: func(ctx context.Context, p pair) (following, error) {
			h := &highway{program: program, pair: p}
			if err := h.startCapitol(ctx); err != nil {
				h.stop()
				return nil, err
			}
			return h, h.back(ctx)
		}}
}

// highway is a capitol and a city, two processes with loopback between them.
type highway struct {
	program string
	pair    pair
	addr    string // the capitol's
	road    string // what the city dials: the capitol, or what stands before it

	capitol, city *process
}

// startCapitol returns as soon as it listens.
func (h *highway) startCapitol(ctx context.Context) error {
	listens := make(chan string, 1)
	args := append([]string{"capitol", "--tree", treeName + "=" + h.pair.src, "--listen", "127.0.0.1:0",
		"--state", filepath.Join(h.pair.own, "state"), "--log-format", "json"}, h.pair.capitolFlags...)
	var err error
	if h.capitol, err = spawn(hearAddress(listens), nil, h.program, args...); err != nil {
		return err
	}
	select {
	case h.addr = <-listens:
	case <-h.capitol.ended:
		return fmt.Errorf("the capitol ended: %q", h.capitol.said())
	case <-ctx.Done():
		return ctx.Err()
	}
	h.road = h.addr
	if h.pair.through != nil {
		h.road, err = h.pair.through(h.addr)
	}
	return err
}

// hearAddress finds the line in the log that says where a capitol listens.
func hearAddress(listens chan<- string) func(string) {
	return func(line string) {
		var entry struct{ Message, Listen string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "serving" {
			select {
			case listens <- entry.Listen:
			default:
			}
		}
	}
}

func (h *highway) url() string { return "ws://" + h.addr + "/" + treeName }

func (h *highway) back(context.Context) (err error) {
	args := append([]string{"city", "--from", "ws://" + h.road + "/" + treeName, "--to", h.pair.dst, "--log-format", "json"}, h.pair.cityFlags...)
	h.city, err = spawn(nil, nil, h.program, args...)
	return err
}

func (h *highway) away() error {
	h.city.stop()
	h.city = nil
	return nil
}

func (h *highway) processes() (all []*process) {
	for _, p := range []*process{h.capitol, h.city} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

func (h *highway) stop() {
	for _, p := range h.processes() {
		p.stop()
	}
}

// carried is what went over the capitol's connections.
func (h *highway) carried() (wire.Count, error) {
	_, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		return wire.Count{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return wire.Count{}, err
	}
	return wire.Of(uint16(n))
}

// treeAnswer is what hydrabench needs of GET /v1/trees.
type treeAnswer struct {
	Epoch string
	Seq   uint64
}

// head is where the capitol's journal is.
func (h *highway) head(ctx context.Context) (treeAnswer, error) {
	var trees []treeAnswer
	err := getJSON(ctx, http.DefaultClient, "http://"+h.addr+"/v1/trees", &trees)
	if err == nil && len(trees) != 1 {
		err = fmt.Errorf("the capitol tells of %d trees", len(trees))
	}
	if err != nil {
		return treeAnswer{}, err
	}
	return trees[0], nil
}

// confirmed waits until the city's journal, which is flushed, is where the
// capitol's is now, and returns when it saw that.
func (h *highway) confirmed(ctx context.Context) (time.Time, error) {
	goal, err := h.head(ctx)
	if err != nil {
		return time.Time{}, err
	}
	admin := adminClient(filepath.Join(h.pair.dst, ".hydrasync"))
	defer admin.CloseIdleConnections()
	for {
		var own treeAnswer
		if err := getJSON(ctx, admin, "http://admin/status", &own); err != nil {
			return time.Time{}, fmt.Errorf("ask the city: %w", err)
		}
		if at := time.Now(); own.Epoch == goal.Epoch && own.Seq >= goal.Seq {
			return at, nil
		}
		tree.Pause(5 * time.Millisecond)
		if ctx.Err() != nil {
			return time.Time{}, errors.New("the city does not confirm what it shows")
		}
	}
}

// events are the entries after since, as the capitol tells them to people.
func (h *highway) events(ctx context.Context, since uint64) ([]entry, error) {
	answer, err := get(ctx, http.DefaultClient, "http://"+h.addr+"/v1/trees/"+url.PathEscape(treeName)+"/events?since="+strconv.FormatUint(since, 10))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var all []entry
	for lines := json.NewDecoder(answer.Body); lines.More(); {
		var e entry
		if err := lines.Decode(&e); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// entry is what hydrabench needs of a line of the journal.
type entry struct {
	Seq  uint64
	What string
	Path string
}
