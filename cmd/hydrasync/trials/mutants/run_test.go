package mutants

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// outcome is how a test ended.
type outcome struct {
	verdict string // pass, fail or skip; empty if it did not run to its end
	took    time.Duration
	printed string
	built   bool
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

// tooLong ends a test that a mutant made hang. No caught mutant may need it.
const tooLong = "4m"

// run runs tests of one package; overlay may be empty. The program that some of them
// build for themselves gets the overlay too, by GOFLAGS.
func run(overlay, dir, env string, names ...string) (map[string]*outcome, error) {
	flags := os.Getenv("GOFLAGS")
	if overlay != "" {
		flags += " -overlay=" + overlay
	}
	cmd := exec.Command("go", "test", "-json", "-vet=off", "-count=1", "-timeout", tooLong, "-run", pattern(names), dir)
	cmd.Dir = top
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HYDRASYNC_") && !strings.HasPrefix(v, "GOFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, strings.Fields(env)...), "GOFLAGS="+strings.TrimSpace(flags))
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return read(out, names), nil
}

// pattern is what -run needs for tests of which each has as many levels.
func pattern(names []string) string {
	var levels []string
	for _, name := range names {
		for i, part := range strings.Split(name, "/") {
			if i == len(levels) {
				levels = append(levels, "")
			}
			levels[i] += "|^" + part + "$"
		}
	}
	for i, level := range levels {
		levels[i] = level[1:]
	}
	return strings.Join(levels, "/")
}

// read sorts what go test printed by tests. What a subtest printed belongs to all above it.
func read(out []byte, names []string) map[string]*outcome {
	found := make(map[string]*outcome)
	for _, name := range names {
		found[name] = &outcome{built: true}
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = event{Action: "output", Output: lines.Text() + "\n"} // go itself
		}
		for name, o := range found {
			switch {
			case e.Action == "build-fail":
				o.built = false
			case e.Action == "output" || e.Action == "build-output":
				if e.Test == "" || e.Test == name || strings.HasPrefix(e.Test, name+"/") {
					o.printed += e.Output
				}
			case e.Test == name && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
				o.verdict, o.took = e.Action, time.Duration(e.Elapsed*float64(time.Second))
			}
		}
	}
	return found
}

// caught is nil if the outcome is what the mutant deserves.
func (m *mutant) caught(o *outcome) error {
	switch {
	case !o.built:
		return errors.New("it does not build")
	case o.verdict == "pass":
		return fmt.Errorf("it SURVIVED %s of %s", m.test.name, m.test.dir)
	case strings.Contains(o.printed, "panic: test timed out"):
		return errors.New("the test hangs")
	case strings.Contains(o.printed, "\npanic: ") || strings.HasPrefix(o.printed, "panic: "):
		return errors.New("a panic is no assertion")
	case o.verdict != "fail":
		return fmt.Errorf("the test did not come to its end (%q)", o.verdict)
	case !strings.Contains(o.printed, m.says):
		return fmt.Errorf("it failed, but does not say %q", m.says)
	}
	return nil
}
