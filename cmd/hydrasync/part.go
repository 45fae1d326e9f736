package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
)

// partOf is the query that asks a capitol for sub_dirs. A replica's state remembers
// it in this form too: JSON would not keep every name.
func partOf(subDirs []string) url.Values {
	return url.Values{"sub_dir": slices.Clone(subDirs)}
}

// part is what a replica is to have, with what its state knows of it. Nothing is written.
func (h *highwayConf) part(folder string) (record, error) {
	_, tree, err := httpBase(h.From)
	if err != nil {
		return record{}, err
	}
	old, err := recall(folder)
	if err != nil {
		old = record{}
	}
	return record{Name: tree, Dir: h.To, Part: partOf(h.SubDirs).Encode(), ID: cmp.Or(old.ID, newID()), Held: old.Held}, nil
}

// rememberPart notes in a replica's state which part of the tree it is to have.
// As a rule that is known from the last start, and nothing is written.
func (r record) rememberPart(folder string) error {
	old, err := recall(folder)
	if err == nil && old.Name == r.Name && old.Dir == r.Dir && old.Part == r.Part && old.ID == r.ID {
		return nil
	}
	return remember(folder, r)
}

// heldMark begins what a record holds of a part that was proven: that of a whole
// tree is empty.
const heldMark = "?"

// held says that the replica was proven to hold all of its part.
func (r *record) held() bool { return r.Held == heldMark+r.Part }

// rememberHeld notes that.
func (r *record) rememberHeld(folder string) error {
	if r.held() {
		return nil
	}
	r.Held = heldMark + r.Part
	return remember(folder, *r)
}

// recallPart is the sub_dirs that a replica is to have; none for the whole tree.
func recallPart(folder string) (subDirs []string, err error) {
	known, err := recall(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // of a version that remembered nothing
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of the replica: %w", recordName, err)
	}
	query, err := url.ParseQuery(known.Part)
	if err != nil {
		return nil, fmt.Errorf("read %s of the replica: %w", recordName, err)
	}
	return query["sub_dir"], nil
}
