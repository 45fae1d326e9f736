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
	s := ledger.NewSecret()
	if _, err := l.Redeem(t.Context(), mustInvite(t, l, ledger.Invite{City: name, Grants: grants}), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACodeBecomesACredentialOnce(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	grants := []ledger.Grant{{Tree: "site", SubDirs: []string{"docs/en", "b\xff\n"}}, {Tree: "t\xfe"}}
	code := mustInvite(t, l, ledger.Invite{City: "berlin", Grants: grants})
	credential := ledger.NewSecret()
	city, err := l.Redeem(t.Context(), code, credential)
	if err != nil || city.Name != "berlin" || !slices.EqualFunc(city.Grants, grants, ledger.Grant.Equal) {
		t.Fatalf("got %+v, %v", city, err)
	}
	if who, err := l.Admit(t.Context(), credential); err != nil || who.Name != "berlin" || !who.Same(&city) {
		t.Errorf("admitted %+v, %v", who, err)
	}
	if _, err := l.Admit(t.Context(), code); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("the code itself is a credential: %v", err)
	}
	if again, err := l.Redeem(t.Context(), code, ledger.NewSecret()); !errors.Is(err, ledger.ErrUsed) || again.Name != "berlin" {
		t.Errorf("the second time: %q, %v", again.Name, err)
	}
}

// The answer to a join may be lost. Who asks the same again has it, and nobody else.
func TestTheSameRequestIsAnsweredAgain(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	code, credential := mustInvite(t, l, ledger.Invite{City: "a", Grants: ledger.Everything()}), ledger.NewSecret()
	redeem := func(what string, credential ledger.Secret, want error) {
		t.Helper()
		city, err := l.Redeem(t.Context(), code, credential)
		if !errors.Is(err, want) || city.Name != "a" {
			t.Errorf("%s: %q, %v, want %v", what, city.Name, err, want)
		}
	}
	redeem("the first time", credential, nil)
	redeem("again", credential, nil)
	redeem("somebody else", ledger.NewSecret(), ledger.ErrUsed)
	if _, err := l.Admit(t.Context(), credential); err != nil {
		t.Errorf("it is not let in: %v", err)
	}
	other := ledger.NewSecret()
	if _, err := l.Redeem(t.Context(), mustInvite(t, l, ledger.Invite{City: "a", Again: true}), other); err != nil {
		t.Fatal(err)
	}
	redeem("after another code", credential, ledger.ErrUsed)
	if _, err := l.Admit(t.Context(), other); err != nil {
		t.Errorf("the older request has put the newer credential out of force: %v", err)
	}

	code = mustInvite(t, l, ledger.Invite{City: "a", Again: true})
	redeem("rotated", credential, nil)
	if err := l.Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	redeem("revoked", credential, ledger.ErrUsed)

	code = mustInvite(t, l, ledger.Invite{City: "a", Grants: ledger.Everything(), Expires: time.Now().Add(500 * time.Millisecond)})
	redeem("in time", credential, nil)
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if _, err := l.Redeem(t.Context(), code, credential); err != nil {
			break
		}
	}
	redeem("after the code's time", credential, ledger.ErrUsed)
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
			won[i] = ledger.NewSecret()
			all.Go(func() { _, errs[i] = books[i%2].Redeem(context.Background(), code, won[i]) })
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
			city, err := l.Redeem(t.Context(), row.code, ledger.NewSecret())
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
	second := ledger.NewSecret()
	city, err := l.Redeem(t.Context(), code, second)
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
	credential := ledger.NewSecret()
	_, err := l.Redeem(t.Context(), code, credential)
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
