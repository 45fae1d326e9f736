package watcher_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// whenAt has something done once, when a walk or a look has come to a directory and
// has not listed it yet.
func (r *rig) whenAt(dir string, do func()) (done func() bool) {
	var mu sync.Mutex
	happened := false
	armed := r.armed
	r.armed = func(at string) {
		if armed != nil {
			armed(at)
		}
		mu.Lock()
		now := at == dir && !happened
		happened = happened || now
		mu.Unlock()
		if now {
			do()
		}
	}
	return func() bool { mu.Lock(); defer mu.Unlock(); return happened }
}

// What is made before the watch is there makes no event, so the list has to come after.
func TestW02WhatIsMadeBeforeTheWatchIsListed(t *testing.T) {
	for _, big := range []bool{false, true} {
		t.Run(fmt.Sprint("many-names-", big), func(t *testing.T) {
			r := newRig(t)
			done := r.whenAt("a/b", func() {
				mustNot(t, os.MkdirAll(r.path("a/b/late/deep"), 0o755))
				mustNot(t, os.WriteFile(r.path("a/b/late/deep/f"), []byte("text"), 0o644))
			})
			again := r.whenAt("a/b/late/deep", func() {
				mustNot(t, os.WriteFile(r.path("a/b/late/deep/g"), []byte("text"), 0o644))
			})
			r.start()
			mustNot(t, os.MkdirAll(r.path("../apart/b"), 0o755))
			for i := range 600 {
				if big { // more than a look takes along: a walk lists it
					mustNot(t, os.WriteFile(r.path(fmt.Sprint("../apart/b/f", i)), nil, 0o644))
				}
			}
			mustNot(t, os.Rename(r.path("../apart"), r.path("a")))
			r.until("it came to the directories", func() string {
				if !done() || !again() {
					return "not yet"
				}
				return ""
			})
			r.settle()
			r.probe()
		})
	}
}

func TestW10UnmountedWhileItIsWalked(t *testing.T) {
	if !private(t) {
		return
	}
	r := newRigOn(t, tmpfs)
	for i := range 20 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%02d/sub", i)), 0o755))
		mustNot(t, os.WriteFile(r.path(fmt.Sprintf("d%02d/sub/f", i)), []byte("text"), 0o644))
	}
	r.start()
	r.settle()
	r.halt()
	head := r.j.Position().Seq
	done := r.whenAt("d10", func() { mustNot(t, unix.Unmount(r.root, unix.MNT_DETACH)) })
	r.begin()
	r.state("source-lost")
	if !done() {
		t.Fatal("it was lost before it was unmounted")
	}
	r.noDeletes(head)
	r.halt()
	r.noDeletes(head)
}

// Everything is removed beneath a root that goes while that is looked at: the
// absences were true, and are not believed.
func TestW10UnmountedAfterItWasEmptied(t *testing.T) {
	if !private(t) {
		return
	}
	r := newRigOn(t, tmpfs)
	for i := range 20 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%02d", i)), 0o755))
	}
	r.start()
	r.settle()
	head := r.j.Position().Seq
	release := r.w.Hold()
	for i := range 20 {
		mustNot(t, os.Remove(r.path(fmt.Sprintf("d%02d", i))))
	}
	mustNot(t, unix.Unmount(r.root, unix.MNT_DETACH))
	release()
	r.state("source-lost")
	r.noDeletes(head)
}

// A file that moves from where the walk has not been to where it was already is seen
// nowhere by it, and is deleted nowhere.
func TestW38MovedBehindTheBackOfAWalk(t *testing.T) {
	r := newRig(t)
	const dirs, files = 12, 5
	for d := range dirs {
		for f := range files {
			path := r.path(fmt.Sprintf("d%02d/f%d-%d", d, d, f))
			mustNot(t, os.MkdirAll(filepath.Dir(path), 0o755))
			mustNot(t, os.WriteFile(path, []byte(path), 0o644))
		}
	}
	r.start()
	r.settle()
	_, before, err := inJournal(t.Context(), r.j)
	mustNot(t, err)
	r.halt()
	head := r.j.Position().Seq
	for d := range dirs { // whatever the order of the walk: to the one before and to the one after
		r.whenAt(fmt.Sprintf("d%02d", d), func() {
			for f := range files {
				to := (d + 1 + f%2*(dirs-2)) % dirs
				os.Rename(r.path(fmt.Sprintf("d%02d/f%d-%d", d, d, f)), r.path(fmt.Sprintf("d%02d/f%d-%d", to, d, f)))
			}
		})
	}
	r.start()
	r.settle()
	r.noDeletes(head)
	_, after, err := inJournal(t.Context(), r.j)
	mustNot(t, err)
	if len(after) != len(before) {
		t.Errorf("%d paths, want %d", len(after), len(before))
	}
}
