package watcher

import "strings"

// table is the set of watched directories: a tree, because a directory that
// moves takes along what is beneath it, and an index by identity, because a
// watch belongs to an inode and can stand under one name only.
type table struct {
	top  *dir
	byID map[ident]*dir
}

type dir struct {
	parent *dir
	name   string
	id     ident
	heard  bool
	subs   map[string]*dir // nil while there are none
}

func newTable() *table { return &table{top: &dir{}, byID: map[ident]*dir{}} }

// find is the directory at a path, nil if the table has none.
func (t *table) find(path string) *dir {
	if path == "" {
		return t.top
	}
	parent, name := split(path)
	d := t.find(parent)
	if d == nil {
		return nil
	}
	return d.subs[name]
}

// put notes that the directory at a path is watched.
func (t *table) put(path string, id ident) {
	d := t.reach(path)
	d.id, d.heard = id, true
	t.byID[id] = d
}

func (t *table) reach(path string) *dir {
	if path == "" {
		return t.top
	}
	parent, name := split(path)
	p := t.reach(parent)
	d := p.subs[name]
	if d == nil {
		name = strings.Clone(name) // the path is not kept for it
		d = &dir{parent: p, name: name}
		if p.subs == nil {
			p.subs = map[string]*dir{}
		}
		p.subs[name] = d
	}
	return d
}

// drop forgets a directory and everything beneath it, and calls lost for each
// that was watched.
func (t *table) drop(d *dir, lost func(path string)) {
	path := d.path()
	if p := d.parent; p != nil {
		delete(p.subs, d.name)
		if len(p.subs) == 0 {
			p.subs = nil
		}
	}
	t.forget(d, path, lost)
}

func (t *table) forget(d *dir, path string, lost func(string)) {
	if d.heard {
		delete(t.byID, d.id)
		d.heard = false
		lost(path)
	}
	for name, sub := range d.subs {
		t.forget(sub, join(path, name), lost)
	}
	d.subs = nil
}

func (d *dir) path() string {
	if d.parent == nil {
		return ""
	}
	return join(d.parent.path(), d.name)
}
