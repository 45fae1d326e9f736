package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// joinedFile is the config of a city that has joined: its highways, or whose plan names them.
type joinedFile struct {
	Name     string          `toml:"name"`
	State    string          `toml:"state,omitempty"`
	Roots    []string        `toml:"roots,omitempty"`
	Registry *joinedRegistry `toml:"registry,omitempty"`
	Sources  []joinedSource  `toml:"source,omitempty"`
	Highways []joinedHighway `toml:"highway,omitempty"`
}

type joinedRegistry struct {
	From string `toml:"from"`
	joinedLink
}

type joinedSource struct {
	URL string `toml:"url"`
	joinedLink
}

type joinedHighway struct {
	From    []string `toml:"from"`
	To      string   `toml:"to"`
	SubDirs []string `toml:"sub_dirs,omitempty"`
	joinedLink
}

type joinedLink struct {
	Credential string `toml:"credential_file"`
	Pin        string `toml:"pin,omitempty"`
	CA         string `toml:"tls_ca,omitempty"`
	Insecure   bool   `toml:"insecure,omitempty"`
}

func (s *seat) link(secret string) joinedLink {
	l := joinedLink{Credential: secret, Pin: s.code.Pin, Insecure: s.conf.insecure}
	if s.conf.ca != "" {
		l.CA, _ = filepath.Abs(s.conf.ca) // fails only without a working directory
	}
	return l
}

// urls are those of the code, the one that answered first: it is the best.
func (s *seat) urls(at, path string) (all []string) {
	for _, a := range append([]string{at}, s.code.Addresses...) {
		u := "ws" + strings.TrimPrefix(a, "http") + path
		if !slices.Contains(all, u) && (a == at || s.conf.insecure || strings.HasPrefix(a, "https://")) {
			all = append(all, u)
		}
	}
	return all
}

const joinedHead = "# Written by hydrasync join. hydrasync config dump shows what else may stand here.\n"

func (s *seat) toml(got *stream.Joined, at, secret string) (string, error) {
	if len(got.Trees) == 0 && !got.Plan {
		return "", failed("hydrasync city grant on the capitol; the credential is in "+secret, "joined, but the capitol serves no tree that this city may have")
	}
	f := joinedFile{Name: got.City}
	if got.Plan {
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return "", err
		}
		f.State, f.Roots = filepath.Join(dir, applier.StateName, "machine"), []string{dir}
		f.Registry = &joinedRegistry{From: s.urls(at, "")[0], joinedLink: s.link(secret)}
		got.Trees = nil
	}
	for _, t := range got.Trees {
		h := joinedHighway{From: s.urls(at, "/"+url.PathEscape(string(t.Name))), To: s.dir, joinedLink: s.link(secret)}
		if len(got.Trees) > 1 {
			h.To = filepath.Join(s.dir, string(t.Name))
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
	return joinedHead + string(text), nil
}

// sitAgain replaces the credential for the capitol that the code is of. If the config follows a
// plan and does not know that capitol, it is written in: the plan may send the city there.
func (s *seat) sitAgain(credential ledger.Secret, at string) error {
	files := s.credentials()
	if len(files) == 0 {
		return s.addSource(credential, at)
	}
	for _, file := range files {
		if err := writePrivate(file, credential.Reveal()+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// credentials are the files of the old config that are for the code's capitol.
func (s *seat) credentials() (files []string) {
	add := func(from []string, l *linkConf) {
		known := s.code.Pin != "" && l.Pin == s.code.Pin
		for _, f := range from {
			base, _, err := httpBase(f)
			known = known || err == nil && slices.Contains(s.code.Addresses, base)
		}
		if known && l.CredentialFile != "" && !slices.Contains(files, l.CredentialFile) {
			files = append(files, l.CredentialFile)
		}
	}
	for i := range s.old.Highways {
		add(s.old.Highways[i].Sources, &s.old.Highways[i].linkConf)
	}
	add([]string{s.old.Registry.From}, &s.old.Registry.linkConf)
	for i := range s.old.Links {
		add([]string{s.old.Links[i].URL}, &s.old.Links[i].linkConf)
	}
	return files
}

// addSource writes how this city proves itself at another capitol of the plan, at each of its addresses.
func (s *seat) addSource(credential ledger.Secret, at string) error {
	secret, err := filepath.Abs(s.beside("." + url.PathEscape(strings.TrimPrefix(strings.TrimPrefix(at, "https://"), "http://"))))
	if err != nil {
		return err
	}
	if err := writePrivate(secret, credential.Reveal()+"\n"); err != nil {
		return err
	}
	var f joinedFile
	for _, u := range s.urls(at, "") {
		f.Sources = append(f.Sources, joinedSource{u, s.link(secret)})
	}
	more, err := toml.Marshal(struct {
		Sources []joinedSource `toml:"source"`
	}{f.Sources})
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	text, err := os.ReadFile(s.config)
	if err != nil {
		return fmt.Errorf("read config: %w", err)
	}
	text = append(append(text, '\n'), more...)
	if _, err := parseConfig(text, s.config, ""); err != nil {
		return errors.Join(failed("write it there by hand; the credential is in "+secret, "%s cannot take another [[source]]", strconv.Quote(s.config)), err)
	}
	return writePrivate(s.config, string(text))
}
