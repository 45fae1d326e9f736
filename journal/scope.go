package journal

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
)

// Scope is the part of a tree that a city follows: some sub_dirs with all that
// is beneath them, and the directories on the way to them. No sub_dirs: the
// whole tree.
type Scope []string

// NewScope cleans sub_dirs: no empty components, no duplicates, none beneath
// another; "" or "." means the whole tree.
func NewScope(subDirs []string) Scope {
	var s Scope
	for _, dir := range subDirs {
		parts := strings.FieldsFunc(dir, func(r rune) bool { return r == '/' })
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "." })
		if len(parts) == 0 {
			return nil
		}
		s = append(s, strings.Join(parts, "/"))
	}
	slices.Sort(s)
	s = slices.Compact(s)
	return slices.DeleteFunc(s, func(dir string) bool {
		return slices.ContainsFunc(s, func(o string) bool { return strings.HasPrefix(dir, o+"/") })
	})
}

// Has says whether the node at path is part of it.
func (s Scope) Has(path string) bool {
	if len(s) == 0 || path == "" {
		return true
	}
	for _, dir := range s {
		if path == dir || strings.HasPrefix(path, dir+"/") || strings.HasPrefix(dir, path+"/") {
			return true
		}
	}
	return false
}

// ScopeDigest is the tree digest of the nodes that subDirs reach (none: of the
// whole tree) with the head that it belongs to, whose own Digest is always the
// whole tree's. It costs a row for each directory on the way, whatever is beneath. Both ends
// of a highway compute it from what they hold: equal means in step.
func (j *Journal) ScopeDigest(ctx context.Context, subDirs []string) (Digest, Position, error) {
	sum, pos, err := j.ScopeSum(ctx, subDirs)
	return sum.Digest, pos, err
}

// ScopeSum is the same with how many nodes they are, and the bytes of their files.
func (j *Journal) ScopeSum(ctx context.Context, subDirs []string) (sum Sum, pos Position, err error) {
	scope := NewScope(subDirs)
	err = j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		pos = h.pos
		root, err := nodeIn(ctx, tx, Root)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		sum = SumOf(&root.Node)
		if len(scope) == 0 {
			sum = sum.Plus(root.Beneath)
			return nil
		}
		part, err := scope.sum(ctx, tx)
		sum = sum.Plus(part)
		return err
	})
	return sum, pos, err
}

// sum adds up everything in scope but the root.
func (s Scope) sum(ctx context.Context, q querier) (sum Sum, err error) {
	counted := map[NodeID]bool{Root: true}
	for _, dir := range s {
		at := Stored{Node: Node{ID: Root}}
		for name := range strings.SplitSeq(dir, "/") {
			at, err = lookupIn(ctx, q, at.Node.ID, name)
			if errors.Is(err, ErrNotFound) {
				break
			}
			if err != nil {
				return Sum{}, err
			}
			if !counted[at.Node.ID] {
				counted[at.Node.ID] = true
				sum = sum.Plus(SumOf(&at.Node))
			}
		}
		if err == nil {
			sum = sum.Plus(at.Beneath)
		}
	}
	return sum, nil
}
