package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// drawn is what a person sees of nodes.
func drawn(t *testing.T, known []roster.Node, now time.Time) string {
	t.Helper()
	var out strings.Builder
	if err := drawNet(&app{out: &out}, netNodes(known), true, now); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The example of docs/network.md is what comes of these.
func TestTheDocumentsShowTheNetAsItIsDrawn(t *testing.T) {
	lost := time.Date(2026, 11, 22, 1, 20, 7, 0, time.Local)
	now := lost.Add(754 * time.Second)
	node := func(id, parent, name, address string, seq journal.Seq, verified time.Duration, state string) roster.Node {
		n := roster.Node{Tree: "site", Report: stream.Report{ID: id, Parent: parent,
			Who:       stream.Who{Name: name, Role: stream.RoleCity, Address: address, Version: "v0.4.0", TLS: true, From: "wss://x/site"},
			Situation: stream.Situation{State: state, Position: journal.Position{Epoch: journal.Epoch{1}, Seq: seq}, Behind: 1204 - uint64(seq)}}}
		if verified > 0 {
			n.Verified.At = now.Add(-verified)
		}
		return n
	}
	hub := node("h", "", "hub", "", 1204, 0, "live")
	hub.Role, hub.Serves, hub.From = stream.RoleCapitol, "[::]:49996", ""
	mill := node("m", "h", "mill", "192.0.2.7", 1204, 12*time.Minute, "in step")
	mill.Role, mill.Serves = stream.RoleRelay, "[::]:49996"
	barn := node("b", "m", "barn", "10.0.0.12", 1187, 1862*time.Second, "in step")
	barn.Lost, barn.LostSince, barn.Lag = stream.Unreachable, lost, 754*time.Second
	shed := node("s", "m", "shed", "10.0.0.14", 1204, 131*time.Second, "in step")
	rome := node("r", "h", "rome", "198.51.100.3", 910, 0, "catching up")
	rome.TLS, rome.Percent, rome.Lag = false, 43, time.Minute

	text, err := os.ReadFile("../../docs/network.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```text\n(NODE .*?)```").FindSubmatch(text)
	got := drawn(t, []roster.Node{barn, hub, mill, rome, shed}, now)
	if shown == nil || string(shown[1]) != got {
		t.Errorf("docs/network.md does not show\n%s", got)
	}
}

func TestAStateInWords(t *testing.T) {
	at := time.Now()
	for want, n := range map[string]roster.Node{
		"in step":                       {Report: stream.Report{Situation: stream.Situation{State: "in step"}}},
		"catching up":                   {Report: stream.Report{Situation: stream.Situation{State: "in step", Behind: 1}}},
		"catching up 43 %":              {Report: stream.Report{Situation: stream.Situation{State: "catching up", Why: "so", Percent: 43}}},
		"held: 9 of 9 would be deleted": {Report: stream.Report{Situation: stream.Situation{State: "held", Why: "9 of 9 would be deleted"}}},
		"held: 9 of 9 would be deleted (unreachable since " + at.Format(logTime) + ")": {Report: stream.Report{Situation: stream.Situation{State: "held", Why: "hold: 9 of 9 would be deleted"},
			Lost: stream.Unreachable, LostSince: at}},
		"uncertain since " + at.Format(logTime): {Report: stream.Report{Situation: stream.Situation{State: "comparing", Why: "so"}, Lost: stream.Uncertain, LostSince: at}},
	} {
		if got := words(&n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Nothing that a city tells reaches the terminal as it is, is drawn twice or without end.
func TestAHostileNetIsDrawnWithoutHarm(t *testing.T) {
	evil := "\x1b[2J\n\u202eevil\xff"
	nodes := []roster.Node{
		{Tree: evil, Teller: evil, Report: stream.Report{ID: "a" + evil, Parent: "b",
			Who:       stream.Who{Name: evil, Role: stream.RoleCity, Address: evil, Serves: evil, Version: evil, From: evil},
			Situation: stream.Situation{State: evil, Why: strings.Repeat(evil, 100)}}},
		{Report: stream.Report{ID: "x", Parent: "y", Who: stream.Who{Name: "x"}}}, // a circle
		{Report: stream.Report{ID: "y", Parent: "x", Who: stream.Who{Name: "y"}}},
		{Report: stream.Report{ID: "z", Parent: "z", Who: stream.Who{Name: "z"}}},
	}
	for i := range 1000 { // a chain
		nodes = append(nodes, roster.Node{Report: stream.Report{ID: fmt.Sprint(i), Parent: fmt.Sprint(i - 1), Who: stream.Who{Name: fmt.Sprint("n", i)}}})
	}
	got := drawn(t, nodes, time.Now())
	if strings.ContainsAny(got, "\x1b\u202e") || !utf8.ValidString(got) {
		t.Errorf("as it came: %q", got)
	}
	if n := strings.Count(got, "\n"); n != len(nodes)+2 { // the head, and where the first one comes from
		t.Errorf("%d lines for %d nodes", n, len(nodes))
	}
	for _, line := range strings.Split(got, "\n") {
		if len([]rune(line)) > 1500 {
			t.Errorf("a line of %d", len(line))
		}
	}
}
