package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

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

// fits says whether a config that is there is one that this code gives another credential to.
func (s *seat) fits() error {
	for i := range s.old.Highways {
		if h := &s.old.Highways[i]; h.CredentialFile == "" || h.Pin != s.code.Pin {
			return usage("name another file with --config, or move it away to join anew",
				"%s is there, and is of another capitol or was not written by hydrasync join", strconv.Quote(s.config))
		}
	}
	return nil
}

// leave takes back what takeSeat made.
func (s *seat) leave() error {
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
func (s *seat) sit(got *stream.Joined, at string) (string, error) {
	credential, err := ledger.ParseSecret(got.Credential)
	if err != nil {
		return "", fmt.Errorf("the capitol gave no credential: %w", err)
	}
	if s.old != nil {
		for i := range s.old.Highways {
			if err := writePrivate(s.old.Highways[i].CredentialFile, credential.Reveal()+"\n"); err != nil {
				return "", err
			}
		}
		return s.config, nil
	}
	if len(got.Trees) == 1 && s.config == "" {
		if err := os.Mkdir(filepath.Join(s.dir, applier.StateName), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make state folder: %w", err)
		}
	}
	folder := s.folder(len(got.Trees))
	file, secret := filepath.Join(folder, joinedConfig), filepath.Join(folder, joinedCredential)
	switch {
	case s.config != "":
		file, secret = s.config, strings.TrimSuffix(s.config, ".toml")+"."+joinedCredential
	case folder == s.dir:
		secret = filepath.Join(folder, "hydrasync."+joinedCredential)
	}
	if file, err = filepath.Abs(file); err != nil {
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

// joinedFile is the config of a city that has joined.
type joinedFile struct {
	Name     string          `toml:"name"`
	Highways []joinedHighway `toml:"highway"`
}

type joinedHighway struct {
	From       []string `toml:"from"`
	To         string   `toml:"to"`
	SubDirs    []string `toml:"sub_dirs,omitempty"`
	Credential string   `toml:"credential_file"`
	Pin        string   `toml:"pin,omitempty"`
	CA         string   `toml:"tls_ca,omitempty"`
	Insecure   bool     `toml:"insecure,omitempty"`
}

func (s *seat) toml(got *stream.Joined, at, secret string) (string, error) {
	if len(got.Trees) == 0 {
		return "", failed("hydrasync city grant on the capitol; the credential is in "+secret, "joined, but the capitol serves no tree that this city may have")
	}
	f := joinedFile{Name: got.City}
	addresses := []string{at} // the one that answered is the best
	for _, a := range s.code.Addresses {
		if a != at && (s.conf.insecure || strings.HasPrefix(a, "https://")) {
			addresses = append(addresses, a)
		}
	}
	for _, t := range got.Trees {
		h := joinedHighway{To: s.dir, Credential: secret, Pin: s.code.Pin, Insecure: s.conf.insecure}
		if s.conf.ca != "" {
			h.CA, _ = filepath.Abs(s.conf.ca) // fails only without a working directory
		}
		if len(got.Trees) > 1 {
			h.To = filepath.Join(s.dir, string(t.Name))
		}
		for _, a := range addresses {
			h.From = append(h.From, "ws"+strings.TrimPrefix(a, "http")+"/"+url.PathEscape(string(t.Name)))
		}
		for _, dir := range t.SubDirs {
			h.SubDirs = append(h.SubDirs, string(dir))
		}
		if !utf8.ValidString(h.To + strings.Join(h.SubDirs, "")) {
			return "", failed("rename it, or run hydrasync city with --credential-file "+secret, "a name that is not UTF-8 cannot stand in a config file")
		}
		f.Highways = append(f.Highways, h)
	}
	text, err := toml.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("write config: %w", err)
	}
	return "# Written by hydrasync join. hydrasync config dump shows what else may stand here.\n" + string(text), nil
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
