package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
)

func mustOpen(t *testing.T, folder string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustInvite(t *testing.T, l *ledger.Ledger, in ledger.Invite) ledger.Secret {
	t.Helper()
	if in.Expires.IsZero() {
		in.Expires = time.Now().Add(time.Hour)
	}
	s, err := l.Invite(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustJoin(t *testing.T, l *ledger.Ledger, name string, grants ...ledger.Grant) ledger.Secret {
	t.Helper()
	_, s, err := l.Redeem(t.Context(), mustInvite(t, l, ledger.Invite{City: name, Grants: grants}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACodeBecomesACredentialOnce(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	grants := []ledger.Grant{{Tree: "site", SubDirs: []string{"docs/en", "b\xff\n"}}, {Tree: "t\xfe"}}
	code := mustInvite(t, l, ledger.Invite{City: "berlin", Grants: grants})
	city, credential, err := l.Redeem(t.Context(), code)
	if err != nil || city.Name != "berlin" || !slices.EqualFunc(city.Grants, grants, ledger.Grant.Equal) {
		t.Fatalf("got %+v, %v", city, err)
	}
	if who, err := l.Admit(t.Context(), credential); err != nil || who.Name != "berlin" || !who.Same(&city) {
		t.Errorf("admitted %+v, %v", who, err)
	}
	if _, err := l.Admit(t.Context(), code); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("the code itself is a credential: %v", err)
	}
	if again, _, err := l.Redeem(t.Context(), code); !errors.Is(err, ledger.ErrUsed) || again.Name != "berlin" {
		t.Errorf("the second time: %q, %v", again.Name, err)
	}
}

func TestOfTwoWhoUseACodeAtOnceOneWins(t *testing.T) {
	folder := t.TempDir()
	books := []*ledger.Ledger{mustOpen(t, folder), mustOpen(t, folder)} // as two processes have it
	for round := range 10 {
		code := mustInvite(t, books[0], ledger.Invite{City: fmt.Sprint("c", round), Grants: ledger.Everything()})
		var all sync.WaitGroup
		errs := make([]error, 8)
		won := make([]ledger.Secret, 8)
		for i := range errs {
			all.Go(func() { _, won[i], errs[i] = books[i%2].Redeem(context.Background(), code) })
		}
		all.Wait()
		winners := 0
		for i, err := range errs {
			switch {
			case err == nil:
				winners++
				if _, err := books[1].Admit(t.Context(), won[i]); err != nil {
					t.Errorf("the winner is not admitted: %v", err)
				}
			case !errors.Is(err, ledger.ErrUsed):
				t.Errorf("a loser got %v", err)
			}
		}
		if winners != 1 {
			t.Errorf("%d won", winners)
		}
	}
}

func TestWhyACodeIsRefused(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	expired := mustInvite(t, l, ledger.Invite{City: "late", Grants: ledger.Everything(), Expires: time.Now().Add(-time.Second)})
	withdrawn := mustInvite(t, l, ledger.Invite{City: "twice", Grants: ledger.Everything()})
	mustInvite(t, l, ledger.Invite{City: "twice", Grants: ledger.Everything()})
	revoked := mustInvite(t, l, ledger.Invite{City: "never", Grants: ledger.Everything()})
	if err := l.Revoke(t.Context(), "never"); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		code ledger.Secret
		want error
		city string
	}{
		"unknown":   {ledger.NewSecret(), ledger.ErrNoCode, ""},
		"expired":   {expired, ledger.ErrExpired, "late"},
		"withdrawn": {withdrawn, ledger.ErrWithdrawn, "twice"},
		"revoked":   {revoked, ledger.ErrWithdrawn, "never"},
	} {
		t.Run(name, func(t *testing.T) {
			city, _, err := l.Redeem(t.Context(), row.code)
			if !errors.Is(err, row.want) || city.Name != row.city {
				t.Errorf("got %q, %v, want %q, %v", city.Name, err, row.city, row.want)
			}
		})
	}
	if cities, err := l.Cities(t.Context()); err != nil || len(cities) != 0 {
		t.Errorf("somebody joined: %+v, %v", cities, err)
	}
	if out, err := l.Invites(t.Context()); err != nil || len(out) != 1 || out[0].City != "twice" {
		t.Errorf("codes that are out: %+v, %v", out, err)
	}
}

func TestRevokedRotatedAndGranted(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	first := mustJoin(t, l, "a", ledger.Grant{Tree: "site"})
	if _, err := l.Invite(t.Context(), ledger.Invite{City: "a", Grants: ledger.Everything(), Expires: time.Now().Add(time.Hour)}); !errors.Is(err, ledger.ErrJoined) {
		t.Errorf("a second invitation: %v", err)
	}
	code := mustInvite(t, l, ledger.Invite{City: "a", Again: true})
	if err := l.Grant(t.Context(), "a", []ledger.Grant{{Tree: "docs"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Admit(t.Context(), first); err != nil {
		t.Errorf("the old credential is good until the new one is taken: %v", err)
	}
	city, second, err := l.Redeem(t.Context(), code)
	if err != nil || len(city.Grants) != 1 || city.Grants[0].Tree != "docs" || city.Rotated.IsZero() {
		t.Errorf("rotated: %+v, %v", city, err)
	}
	if _, err := l.Admit(t.Context(), first); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("the old credential: %v", err)
	}
	if err := l.Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if who, err := l.Admit(t.Context(), second); !errors.Is(err, ledger.ErrRevoked) || who.Name != "a" {
		t.Errorf("revoked: %+v, %v", who, err)
	}
	third := mustJoin(t, l, "a", ledger.Grant{Tree: "site"})
	if who, err := l.Admit(t.Context(), third); err != nil || who.Grants[0].Tree != "site" {
		t.Errorf("joined again: %+v, %v", who, err)
	}
	for what, err := range map[string]error{"revoke": l.Revoke(t.Context(), "x"), "grant": l.Grant(t.Context(), "x", nil)} {
		if !errors.Is(err, ledger.ErrNoCity) {
			t.Errorf("%s nobody: %v", what, err)
		}
	}
	if _, err := l.Invite(t.Context(), ledger.Invite{City: "x", Again: true}); !errors.Is(err, ledger.ErrNoCity) {
		t.Errorf("rotate nobody: %v", err)
	}
}

func TestASecretShowsItselfNowhere(t *testing.T) {
	folder := t.TempDir()
	l := mustOpen(t, folder)
	code := mustInvite(t, l, ledger.Invite{City: "a", Grants: ledger.Everything()})
	_, credential, err := l.Redeem(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, s := range []ledger.Secret{code, credential} {
		text, _ := json.Marshal(map[string]any{"s": s, "p": &s})
		said := fmt.Sprintf("%v %s %x %d %#v %+v %q %v %s", s, s, s, s, s, s, s, []ledger.Secret{s}, text)
		leaks := [][]byte{[]byte(s.Reveal()), []byte(s.Reveal()[4:]), s[:], []byte(fmt.Sprintf("%x", s[:])), []byte(fmt.Sprint(s[:])[1:20])}
		for _, leak := range leaks {
			if bytes.Contains([]byte(said), leak) {
				t.Errorf("printed as %s", said)
			}
			for _, file := range files {
				if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, leak) {
					t.Errorf("%s holds it (%v)", file, err)
				}
			}
		}
		back, err := ledger.ParseSecret(s.Reveal())
		if err != nil || back != s {
			t.Errorf("it does not come back: %v", err)
		}
	}
	for _, file := range files {
		if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, st.Mode(), err)
		}
	}
	for _, text := range []string{"", "hsc_", "hsc_AA", credential.Reveal() + "A", credential.Reveal()[1:], " " + credential.Reveal(), credential.Reveal() + "\n"} {
		if _, err := ledger.ParseSecret(text); !errors.Is(err, ledger.ErrSecret) {
			t.Errorf("%d letters are a secret: %v", len(text), err)
		}
	}
}

func TestAnotherProcessHearsOfChanges(t *testing.T) {
	folder := t.TempDir()
	here, there := mustOpen(t, folder), mustOpen(t, folder)
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan int, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- here.Watch(ctx, func(ctx context.Context) error {
			cities, err := here.Cities(ctx)
			heard <- len(cities)
			return err
		})
	}()
	for want, name := range []string{"", "a", "b"} {
		if name != "" {
			mustJoin(t, there, name, ledger.Everything()...)
		}
		for deadline := time.After(time.Minute); ; {
			var n int
			select {
			case n = <-heard:
			case <-deadline:
				t.Fatalf("did not hear of city %d", want)
			}
			if n == want {
				break
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheNodeStaysAndSoDoesWhereItServes(t *testing.T) {
	folder := t.TempDir()
	l := mustOpen(t, folder)
	node := l.Node()
	for _, s := range []ledger.Serving{{Listen: ":1", TLS: true, Pin: "p", Trees: []string{"a\xff"}}, {Listen: ":2"}, {Listen: ":1", TLS: true, Pin: "q", Trees: []string{"b\xff"}}} {
		if err := l.Serves(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if err := l.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	l = mustOpen(t, folder)
	if len(node) != 32 || l.Node() != node {
		t.Errorf("node %q became %q", node, l.Node())
	}
	all, err := l.Serving(t.Context())
	if err != nil || len(all) != 2 || all[0].Listen != ":1" || all[0].Pin != "q" || !all[0].TLS || all[0].Trees[0] != "b\xff" || all[0].Since.IsZero() {
		t.Errorf("got %+v, %v", all, err)
	}
	if other := mustOpen(t, t.TempDir()); other.Node() == node {
		t.Error("two machines have one id")
	}
}

func TestANewerLedgerIsRefused(t *testing.T) {
	folder := t.TempDir()
	mustOpen(t, folder).Close()
	path := filepath.Join(folder, ledger.Name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[63]++ // the last byte of user_version: https://www.sqlite.org/fileformat.html, 1.3
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(t.Context(), folder); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestNamesOfCities(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "web-1.example_x": true, "": false, "a b": false, "ü": false, "a/b": false, string(bytes.Repeat([]byte("a"), 65)): false} {
		if ledger.ValidCity(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
