package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// sources are the addresses of one tree, best first: its capitol, and relays
// that serve it on. In a file they are one string or a list.
type sources []string

var _ unstable.Unmarshaler = (*sources)(nil)

// UnmarshalTOML implements [unstable.Unmarshaler].
func (s *sources) UnmarshalTOML(text []byte) error {
	var got struct {
		From any `toml:"from"`
	}
	if err := toml.Unmarshal(append([]byte("from = "), text...), &got); err != nil {
		return err
	}
	*s = nil
	list, ok := got.From.([]any)
	if !ok {
		list = []any{got.From}
	}
	for _, one := range list {
		*s = append(*s, fmt.Sprint(one)) // what is no text names no tree either
	}
	return nil
}

// problem is the first address that names no tree.
func (s sources) problem(at string) *problem {
	const write = `write from = "wss://HOST:PORT/NAME"`
	if len(s) == 0 {
		return &problem{at, "a highway that comes from nowhere", write}
	}
	seen := map[string]string{}
	for _, from := range s {
		if _, tree, err := httpBase(from); err != nil || tree == "" {
			return &problem{at + "from", fmt.Sprintf("%q names no tree", from), write}
		}
		if p := once(seen, from, from, at+"from", "named twice"); p != nil {
			return p
		}
	}
	return nil
}

// machineName is what a machine is called that was given no name: the first
// part of its host name, as far as that is a name.
func machineName() string {
	host, err := os.Hostname()
	if host, _, _ = strings.Cut(host, "."); err != nil || !validMachine(host) {
		return "localhost"
	}
	return host
}

// validMachine: what names a machine in plans, join codes and reports.
func validMachine(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}
