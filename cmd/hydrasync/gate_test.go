package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

func joinedGate(t *testing.T) (g *gate, credential string) {
	t.Helper()
	book, err := ledger.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	code, err := book.Invite(t.Context(), ledger.Invite{City: "a", Grants: ledger.Everything(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	g = newGate(book, zerolog.Nop())
	got, err := g.Join(t.Context(), code.Reveal(), "")
	if err != nil {
		t.Fatal(err)
	}
	return g, got.Credential
}

func mustAdmit(t *testing.T, g *gate, credential string) *stream.Pass {
	t.Helper()
	p, err := g.Admit(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPassIsTheSameUntilSomethingChanges(t *testing.T) {
	g, credential := joinedGate(t)
	first := mustAdmit(t, g, credential)
	if err := g.book.Seen(t.Context(), "a", "192.0.2.1", ""); err != nil {
		t.Fatal(err)
	}
	if err := g.revise(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mustAdmit(t, g, credential) != first {
		t.Error("that a city was seen has ended its pass")
	}
	if err := g.book.Grant(t.Context(), "a", []ledger.Grant{{Tree: "t"}}); err != nil {
		t.Fatal(err)
	}
	if mustAdmit(t, g, credential) == first {
		t.Error("other grants, and the same pass")
	}
	if err := g.book.Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	var unfit *stream.UnfitError
	if _, err := g.Admit(t.Context(), credential); !errors.As(err, &unfit) || unfit.City != "a" || unfit.Reason != "revoked credential" {
		t.Errorf("revoked: %v", err)
	}
}

// A revocation that falls between reading the ledger and handing out a pass ends that pass.
func TestNoPassOutlivesARevocation(t *testing.T) {
	for range 10 {
		g, credential := joinedGate(t)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = g.follow(ctx) })
		for range 4 {
			all.Go(func() {
				for ctx.Err() == nil {
					if _, err := g.Admit(ctx, credential); err != nil {
						return
					}
				}
			})
		}
		if err := g.book.Revoke(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		held := func() int { g.mu.Lock(); defer g.mu.Unlock(); return len(g.held) }
		for late := time.Now().Add(time.Minute); held() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				t.Fatal("a pass is held")
			}
		}
		stop()
		all.Wait()
		if held() > 0 {
			t.Fatal("a pass came back")
		}
	}
}

func TestWhileTheLedgerCannotBeReadNoPassHolds(t *testing.T) {
	g, credential := joinedGate(t)
	mustAdmit(t, g, credential)
	if err := g.book.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.follow(ctx) }()
	held := func() int { g.mu.Lock(); defer g.mu.Unlock(); return len(g.held) }
	for late := time.Now().Add(time.Minute); held() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("a pass is held")
		}
	}
	var unfit *stream.UnfitError
	if _, err := g.Admit(t.Context(), credential); err == nil || errors.As(err, &unfit) {
		t.Errorf("a ledger that cannot be read says of a credential: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the capitol ended: %v", err)
	}
}
