package watcher_test

import (
	"context"
	"os"
	"testing"
)

// A source that was restored from a copy has other inodes all over: each directory has its
// window and then a walk of its own, and the first reconcile is over when the last of them is.
func TestReadyComesAfterDirectoriesThatShowOtherInodes(t *testing.T) {
	r := newRig(t)
	const deep = "a/b/c/d/e"
	mustNot(t, os.MkdirAll(r.path(deep), 0o755))
	mustNot(t, os.WriteFile(r.path(deep+"/f"), []byte("before"), 0o644))
	r.start()
	r.settle()
	r.halt()
	mustNot(t, os.Rename(r.path("a"), r.path("../aside"))) // its inodes stay in use
	mustNot(t, os.MkdirAll(r.path(deep), 0o755))
	mustNot(t, os.WriteFile(r.path(deep+"/f"), []byte("after it"), 0o644))
	r.start()
	got, _, err := inJournal(context.Background(), r.j)
	mustNot(t, err)
	want, err := onDisk(r.root)
	mustNot(t, err)
	if d := got.diff(want); d != "" {
		t.Errorf("it is ready, and the journal (got) lacks what is on the disk (want):\n%s", d)
	}
}
