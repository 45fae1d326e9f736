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

// copiers and followers besides hydrasync. What is not installed is absent.
func newPeers() []*contestant {
	return []*contestant{
		{name: rsyncOnce, needs: []string{"rsync"}, carries: tree.Everything, copy: copyWith("rsync -a --delete \"$1/\" \"$2/\"")},
		{name: rsyncFlushed, needs: []string{"rsync", "sync"}, durable: true, carries: tree.Everything,
			copy: copyWith("rsync -a --delete \"$1/\" \"$2/\" && sync -f \"$2\"")},
		{name: rsyncLoop, needs: []string{"inotifywait", "rsync", "bash"}, carries: tree.Everything, calm: time.Second, follow: followLoop},
		{name: lsyncd, needs: []string{"lsyncd", "rsync"}, carries: tree.Everything, calm: 3 * time.Second, follow: followLsyncd},
		newRsyncWide(),
		newSyncthing(),
		newMutagen(),
	}
}

// copyWith runs a line of shell with source and destination as its arguments.
func copyWith(line string) func(context.Context, string, string) error {
	return func(ctx context.Context, src, dst string) error { return shell(ctx, line, src, dst) }
}

// shell runs a line of shell to its end.
func shell(ctx context.Context, line string, args ...string) error {
	out, err := exec.CommandContext(ctx, "sh", append([]string{"-c", line, "sh"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// The loop that people write, at its best: watches first, then one copy, then
// one for each burst of events. Lines that wait already are taken together, or
// a copy of thousands of files would start rsync thousands of times. Without
// the modify window rsync would not see a second change in the same second.
const loopScript = `
coproc events { exec inotifywait -m -r -e modify,attrib,close_write,move,create,delete "$1" 2>&1; }
while read -r line <&"${events[0]}" && [[ $line != *established* ]]; do :; done
rsync -a --delete "$1/" "$2/"
while read -r _ <&"${events[0]}"; do
	while read -r -t 0.01 _ <&"${events[0]}"; do :; done
	rsync -a --delete --modify-window=-1 "$1/" "$2/"
done`

func followLoop(ctx context.Context, p pair) (following, error) {
	return followSingle(ctx, func(context.Context) (*process, error) {
		return spawn(nil, nil, "bash", "-c", loopScript, "bash", p.src, p.dst)
	})
}

const lsyncdConf = `settings { nodaemon = true, logfile = %q }
sync { default.rsync, source = %q, target = %q, delay = 1, rsync = { archive = true, _extra = { "--modify-window=-1" } } }
`

func followLsyncd(ctx context.Context, p pair) (following, error) {
	conf := filepath.Join(p.own, "lsyncd.lua")
	text := fmt.Sprintf(lsyncdConf, filepath.Join(p.own, "lsyncd.log"), p.src, p.dst)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return followSingle(ctx, func(context.Context) (*process, error) { return spawn(nil, nil, "lsyncd", conf) })
}
