package watcher_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
	"github.com/rs/zerolog"
)

func TestSmoke(t *testing.T) {
	dir := os.Getenv("SRC")
	if dir == "" {
		dir = t.TempDir()
	}
	j, err := journal.Open(journal.Config{Path: t.TempDir() + "/j.db", Role: journal.Capitol})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w, err := watcher.New(watcher.Config{Root: dir, Journal: j, Log: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	begin := time.Now()
	go func() { done <- w.Run(ctx) }()
	<-w.Ready()
	t.Log("ready after", time.Since(begin))
	st, _ := j.Stats(ctx)
	t.Logf("%+v", st)
	begin = time.Now()
	w.Reconcile(ctx)
	t.Log("reconcile", time.Since(begin))
	if os.Getenv("SRC") == "" {
		sh := func(c string) {
			head := j.Position().Seq
			b := time.Now()
			cmd := exec.Command("sh", "-c", c)
			cmd.Dir = dir
			cmd.Run()
			took := time.Since(b)
			wctx, c2 := context.WithTimeout(ctx, 2*time.Second)
			j.Wait(wctx, head)
			c2()
			t.Log(c, "cmd", took, "until entry", time.Since(b))
			time.Sleep(50 * time.Millisecond)
			es, _ := j.Entries(ctx, head, 100)
			for _, e := range es {
				t.Logf("   %d %q gone=%v %+v", e.Seq, e.Path, e.Change.Gone, e.Change.Node)
			}
		}
		sh("echo hi > a")
		sh("echo hi >> a")
		sh("mkdir -p x/y/z; echo 1 > x/y/z/f; ln a x/hard; ln -s a sym")
		sh("mv x w")
		sh("mv a b; mv w/y/z/f a")
		sh("rm -r w")
		sh("chmod 600 a")
		sh("mkfifo p")
		sh("rm a")
		sh("echo new > tmp; mv tmp b")
	}
	t.Logf("%+v", w.Status())
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
