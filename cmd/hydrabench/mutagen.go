package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// newMutagen carries contents, links and whether a file can be executed; no
// times, no other modes.
func newMutagen() *contestant {
	return &contestant{name: mutagen, needs: []string{"mutagen"}, calm: 3 * time.Second,
		follow: func(ctx context.Context, p pair) (following, error) {
			m := &mutagenSession{env: []string{"MUTAGEN_DATA_DIRECTORY=" + filepath.Join(p.own, "mutagen")}}
			var err error
			if m.daemon, err = spawn(nil, m.env, "mutagen", "daemon", "run"); err != nil {
				return nil, err
			}
			if err := m.create(ctx, p); err != nil {
				m.stop()
				return nil, err
			}
			return m, nil
		}}
}

// mutagenSession is a daemon of its own with one session.
type mutagenSession struct {
	env    []string
	daemon *process
}

// create asks until the daemon answers.
func (m *mutagenSession) create(ctx context.Context, p pair) error {
	for {
		err := m.order(ctx, "sync", "create", "--name=bench", "--no-global-configuration", "--mode=one-way-replica",
			"--symlink-mode=posix-raw", p.src, p.dst)
		if err == nil || ctx.Err() != nil || !m.daemon.running() {
			return err
		}
		tree.Pause(10 * time.Millisecond)
	}
}

func (m *mutagenSession) order(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "mutagen", args...)
	c.Env = append(os.Environ(), append(m.env, "MUTAGEN_DISABLE_AUTOSTART=1")...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("mutagen %s: %w: %s", strings.Join(args[:2], " "), err, out)
	}
	return nil
}

func (m *mutagenSession) away() error { return m.order(context.Background(), "sync", "pause", "bench") }

func (m *mutagenSession) back(ctx context.Context) error {
	return m.order(ctx, "sync", "resume", "bench")
}

func (m *mutagenSession) processes() []*process { return []*process{m.daemon} }
func (m *mutagenSession) stop()                 { m.daemon.stop() }
