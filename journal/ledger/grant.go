package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Grant is what a city may have: a tree, or some sub_dirs of it.
type Grant struct {
	Tree    string   // bytes; "" for every tree, those to come too
	SubDirs []string // none: the whole tree
}

// Everything is every tree, whole.
func Everything() []Grant { return []Grant{{}} }

// Equal says that both give the same, in the same order.
func (g Grant) Equal(o Grant) bool {
	return g.Tree == o.Tree && slices.Equal(g.SubDirs, o.SubDirs)
}

// line is a Grant as it is stored. Names are bytes: JSON would not keep every one as text.
type line struct {
	Tree    []byte   `json:"tree"`
	SubDirs [][]byte `json:"sub_dirs,omitempty"`
}

func encodeGrants(grants []Grant) ([]byte, error) {
	lines := make([]line, 0, len(grants))
	for _, g := range grants {
		l := line{Tree: []byte(g.Tree)}
		for _, dir := range g.SubDirs {
			l.SubDirs = append(l.SubDirs, []byte(dir))
		}
		lines = append(lines, l)
	}
	return json.Marshal(lines)
}

func decodeGrants(text []byte) ([]Grant, error) {
	var lines []line
	if err := json.Unmarshal(text, &lines); err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	var grants []Grant
	for _, l := range lines {
		g := Grant{Tree: string(l.Tree)}
		for _, dir := range l.SubDirs {
			g.SubDirs = append(g.SubDirs, string(dir))
		}
		grants = append(grants, g)
	}
	return grants, nil
}
