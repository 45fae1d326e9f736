package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hydrasync": main})
}

// Each file in testdata is a session at the command line, run on the real main.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Setenv("HYDRASYNC_TOKEN", "")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each process under -race sleeps a second before it ends
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".tmp"))
			return os.MkdirAll(filepath.Join(e.WorkDir, ".tmp"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":       awaits,
			"code":        exitCode,
			"equal":       equal,
			"port":        port,
			"flip":        flip,
			"many":        many,
			"certificate": certificate,
		},
	})
}
