package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stateFolder is where a capitol keeps its journals, one folder a tree.
type stateFolder string

// defaultState follows the XDG base directory rules for a user, and the FHS for root.
func defaultState() stateFolder {
	if os.Geteuid() == 0 && os.Getenv("XDG_STATE_HOME") == "" {
		return "/var/lib/hydrasync"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return stateFolder(filepath.Join(dir, "hydrasync"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	return stateFolder(filepath.Join(home, ".local", "state", "hydrasync"))
}

// record is what a tree's folder remembers for people, in tree.json.
type record struct {
	Name string   `json:"name"`
	Dir  string   `json:"dir"`
	To   []string `json:"to,omitempty"`   // where this machine mirrored it
	Part string   `json:"part,omitempty"` // a replica's sub_dirs, see [partOf]
	Held string   `json:"held,omitempty"` // those that it was last proven to hold, see [heldMark]
	ID   string   `json:"id,omitempty"`   // in lineages
}

const (
	recordName  = "tree.json"
	journalName = "journal.db"
	echoName    = "echo"   // see [watcher.Watcher.Barrier]
	chunksName  = "chunks" // what large files consist of: a cache, remade when it is lost
)

// of is the folder of the tree at dir, an absolute path without symbolic links:
// a readable name, made unique.
func (s stateFolder) of(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	base := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, filepath.Base(dir))
	return filepath.Join(string(s), base[:min(len(base), 40)]+"-"+hex.EncodeToString(sum[:6]))
}

// open makes the folder of a tree and returns it.
func (s stateFolder) open(r record) (string, error) {
	folder := s.of(r.Dir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", failed("name a folder that can be written: --state DIR", "make state folder: %w", err)
	}
	return folder, nil
}

// remember writes what status shows of a tree that does not run.
func remember(folder string, r record) error {
	if old, err := recall(folder); err == nil {
		for _, to := range old.To {
			if !slices.Contains(r.To, to) {
				r.To = append(r.To, to)
			}
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	temporary := filepath.Join(folder, recordName+".new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("remember tree: %w", err)
	}
	return os.Rename(temporary, filepath.Join(folder, recordName))
}

func recall(folder string) (r record, err error) {
	text, err := os.ReadFile(filepath.Join(folder, recordName))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// trees lists the folders of all trees that were ever served from here.
func (s stateFolder) trees() (folders []string, err error) {
	entries, err := os.ReadDir(string(s))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		folder := filepath.Join(string(s), e.Name())
		if _, err := os.Stat(filepath.Join(folder, journalName)); err == nil {
			folders = append(folders, folder)
		}
	}
	return folders, err
}
