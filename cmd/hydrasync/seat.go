package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// seat is where a joining city will write. It is looked at before the code is
// used up: a code is good once.
type seat struct {
	conf   *joinConf
	code   *joincode.Code
	dir    string    // the destination
	made   bool      // it was not there
	old    *fileConf // the config is there: its credential is replaced, nothing else
	config string    // "" until the number of trees is known
	draft  string    // the credential, until the capitol has answered
}

const (
	joinedConfig     = "hydrasync.toml"
	joinedCredential = "credential"
)

func (j *joinConf) takeSeat(dir string, code *joincode.Code) (*seat, error) {
	s := &seat{conf: j, code: code, dir: dir, config: j.config}
	for _, file := range []string{j.config, filepath.Join(dir, applier.StateName, joinedConfig), filepath.Join(dir, joinedConfig)} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err == nil {
			s.config = file
			if s.old, err = readConfig(file, ""); err != nil {
				return nil, err
			}
			return s, s.fits()
		}
		if file == j.config {
			break
		}
	}
	if err := os.Mkdir(dir, 0o755); err == nil {
		s.made = true
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, failed("check the path and its permissions", "make destination: %w", err)
	}
	probe, err := os.CreateTemp(s.folder(1), ".hydrasync-join-*")
	if err != nil {
		return nil, errors.Join(failed("check the path and its permissions", "write beside the destination: %w", err), s.leave())
	}
	return s, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// fits says whether a config that is there is one that this code can be for. To one that follows
// a plan, whatever machine may be added.
func (s *seat) fits() error {
	for i := range s.old.Highways {
		if h := &s.old.Highways[i]; s.old.Registry.From == "" && (h.CredentialFile == "" || h.Pin != s.code.Pin) {
			return usage("name another file with --config, or move it away to join anew",
				"%s is there, and is of another capitol or was not written by hydrasync join", strconv.Quote(s.config))
		}
	}
	return nil
}

// draw gives the credential that the city asks for. It is on disk before a capitol hears of it:
// if the answer is lost, the same command asks for the same.
func (s *seat) draw() (ledger.Secret, error) {
	sum := sha256.Sum256(s.code.Secret[:])
	s.draft = filepath.Join(s.folder(1), ".hydrasync-join-"+hex.EncodeToString(sum[:8])) // of this code alone
	if text, err := os.ReadFile(s.draft); err == nil {
		if own, err := ledger.ParseSecret(strings.TrimSpace(string(text))); err == nil {
			return own, nil
		}
	}
	own := ledger.NewSecret()
	return own, writePrivate(s.draft, own.Reveal()+"\n")
}

// leave takes back what takeSeat and draw made.
func (s *seat) leave() error {
	if s.draft != "" {
		_ = os.Remove(s.draft) // it may not have been written
	}
	if !s.made {
		return nil
	}
	return os.Remove(s.dir)
}

// folder is where credential and config go.
func (s *seat) folder(trees int) string {
	switch {
	case s.config != "":
		return filepath.Dir(s.config)
	case trees == 1 && exists(filepath.Join(s.dir, applier.StateName)):
		return filepath.Join(s.dir, applier.StateName)
	}
	return s.dir
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// sit writes the credential and, where there is none, the config, which it returns.
func (s *seat) sit(got *stream.Joined, at string) (file string, err error) {
	credential, err := ledger.ParseSecret(got.Credential)
	if err != nil {
		return "", fmt.Errorf("the capitol gave no credential: %w", err)
	}
	if s.old != nil {
		file, err = s.config, s.sitAgain(credential, at)
	} else {
		file, err = s.sitFirst(got, credential, at)
	}
	if err == nil {
		_ = os.Remove(s.draft) // left behind it is of no use to anybody, but to its owner
	}
	return file, err
}

func (s *seat) sitFirst(got *stream.Joined, credential ledger.Secret, at string) (string, error) {
	trees := len(got.Trees)
	if got.Plan {
		trees = 1 // in one folder, whatever the plan says
	}
	if state := filepath.Join(s.dir, applier.StateName); trees == 1 && (s.config == "" || got.Plan) {
		if err := os.Mkdir(state, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make state folder: %w", err)
		}
	}
	folder := s.folder(trees)
	file, secret := filepath.Join(folder, joinedConfig), filepath.Join(folder, joinedCredential)
	switch {
	case s.config != "":
		file, secret = s.config, s.beside("")
	case folder == s.dir:
		secret = filepath.Join(folder, "hydrasync."+joinedCredential)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	if secret, err = filepath.Abs(secret); err != nil {
		return "", err
	}
	if err := writePrivate(secret, credential.Reveal()+"\n"); err != nil {
		return "", err
	}
	text, err := s.toml(got, at, secret)
	if err != nil {
		return "", err
	}
	return file, writePrivate(file, text)
}

// beside is a file for a credential, by the name of the config.
func (s *seat) beside(more string) string {
	return strings.TrimSuffix(s.config, ".toml") + more + "." + joinedCredential
}

// writePrivate puts a file in place, whole, for its owner only.
func writePrivate(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".hydrasync-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
