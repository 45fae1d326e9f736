package main

import (
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

// rememberPart notes in a replica's state which part of the tree it is to have.
// As a rule that is known from the last start, and nothing is written.
func rememberPart(conf *highwayConf, folder string) error {
	_, tree, err := httpBase(conf.From)
	if err != nil {
		return err
	}
	now := record{Name: tree, Dir: conf.To, Part: partOf(conf.SubDirs).Encode()}
	if old, err := recall(folder); err == nil && old.Name == now.Name && old.Dir == now.Dir && old.Part == now.Part {
		return nil
	}
	return remember(folder, now)
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
