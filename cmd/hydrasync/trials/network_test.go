package trials

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// machine is another machine, joined to this one by a pair of virtual network cards.
//
//	here ── near ═══════ far ── namespace
type machine struct {
	*stand.Namespace
	t         *testing.T
	near, far string // the cards
	here      string // this side's address, as the other machine sees it
	there     string
}

// newMachine needs root. Names and addresses (of the block for benchmarks, RFC
// 2544) are this process's own; the kernel takes the cards away with the namespace.
func newMachine(t *testing.T) *machine {
	t.Helper()
	pid := os.Getpid()
	block := fmt.Sprintf("198.18.%d.%%d", pid>>6&255)
	m := &machine{t: t, Namespace: stand.NewNamespace(t), near: fmt.Sprintf("hs%da", pid), far: fmt.Sprintf("hs%db", pid),
		here: fmt.Sprintf(block, pid&63*4+1), there: fmt.Sprintf(block, pid&63*4+2)}
	t.Cleanup(func() { exec.Command("ip", "link", "del", m.near).Run() })
	if out, err := exec.Command("ip", "link", "add", m.near, "type", "veth", "peer", "name", m.far, "netns", m.Name).CombinedOutput(); err != nil {
		t.Skipf("needs virtual network cards: %v %s", err, out)
	}
	m.ip("addr", "add", m.here+"/30", "dev", m.near)
	m.ip("link", "set", m.near, "up")
	m.IP("addr", "add", m.there+"/30", "dev", m.far)
	m.IP("link", "set", m.far, "up")
	return m
}

// ip is for this side.
func (m *machine) ip(args ...string) {
	m.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		m.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}

// abroad is a rig whose city is on another machine, in step.
type abroad struct {
	*rig
	m *machine
}

const secret = "a-token-that-nobody-may-see"

func newAbroad(t *testing.T) *abroad {
	t.Helper()
	a := &abroad{newRig(t), newMachine(t)}
	fill(t, a.src, 50, 500)
	token := a.token(t)
	listen := a.m.here + ":49996"
	a.capitol = stand.Start(t, "capitol", "--tree", "t="+a.src, "--listen", listen, "--state", a.state, "--token-file", token, "--insecure", "--log-format", "json")
	a.m.Do(func() {
		a.city = stand.Start(t, "city", "--from", "ws://"+listen+"/t", "--to", a.dst, "--token-file", token, "--insecure", "--log-format", "json")
	})
	a.mustBecomeEqual(t)
	return a
}

func (r *rig) token(t *testing.T) string {
	t.Helper()
	file := filepath.Join(filepath.Dir(r.src), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// write makes a small file and returns what it will be on the city.
func (a *abroad) write(t *testing.T, name string) (there string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.src, name), []byte(name), 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(a.dst, name)
}

// neverCompared says that the city's place in the journal was good all the time.
func (a *abroad) neverCompared(t *testing.T) {
	t.Helper()
	if n := strings.Count(a.capitol.Printed(), `"full comparison"`); n != 1 {
		t.Errorf("%d full comparisons, want the first one only; the capitol printed:\n%s", n, a.capitol.Tail())
	}
}

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s arrived through a link that is cut: the trial is broken", path)
	}
}

// outage is how long a link stays cut: long enough for lost packets, and for
// both ends to give the connection up if HYDRASYNC_TRIAL_SECONDS is above 60.
func outage() time.Duration { return stormTime(5 * time.Second) }

// during changes the tree for as long as a link is cut.
func (a *abroad) during(t *testing.T, what string) {
	t.Helper()
	var there string
	for began, i := time.Now(), 0; time.Since(began) < outage(); i++ {
		there = a.write(t, fmt.Sprint(what, i))
		time.Sleep(outage() / 20) // the time of the outage is what is tried here
	}
	os.Rename(filepath.Join(a.src, "dir03"), filepath.Join(a.src, "dir04", what))
	absent(t, there)
}

func TestLinkThatGoesDownAndUpAgain(t *testing.T) {
	a := newAbroad(t)
	a.m.IP("link", "set", a.m.far, "down")
	a.during(t, "down")
	a.m.IP("link", "set", a.m.far, "up")
	stand.Equal(t, a.src, a.dst, a.capitol, a.city)
	a.m.ip("link", "set", a.m.near, "down") // now it is the capitol that is unplugged
	a.during(t, "unplugged")
	a.m.ip("link", "set", a.m.near, "up")
	stand.Equal(t, a.src, a.dst, a.capitol, a.city)
	a.neverCompared(t)
}

func TestBlackHoleOnTheWay(t *testing.T) {
	a := newAbroad(t)
	a.m.IP("route", "add", "blackhole", a.m.here+"/32")
	a.during(t, "hole")
	a.m.IP("route", "del", "blackhole", a.m.here+"/32")
	stand.Equal(t, a.src, a.dst, a.capitol, a.city)
	a.neverCompared(t)
}

// A link of 32 KB a second, and a file that takes it for a while: nobody takes
// the other end for dead, and what changes meanwhile arrives too.
func TestSlowLink(t *testing.T) {
	stand.Needs(t, "tc")
	a := newAbroad(t)
	if out, err := exec.Command("tc", "qdisc", "add", "dev", a.m.near, "root", "tbf", "rate", "256kbit", "burst", "16kb", "latency", "400ms").CombinedOutput(); err != nil {
		t.Skipf("needs tc with tbf: %v %s", err, out)
	}
	lasts := stormTime(8 * time.Second)
	random(t, filepath.Join(a.src, "big"), int(lasts.Seconds())*30_000)
	began := time.Now()
	for i := 0; time.Since(began) < lasts; i++ {
		a.write(t, fmt.Sprint("small", i))
		time.Sleep(lasts / 20)
	}
	stand.Equal(t, a.src, a.dst, a.capitol, a.city)
	if took := time.Since(began); took < lasts*3/4 {
		t.Errorf("all was there after %v: the link is not slow, the trial is broken", took)
	}
	if n := strings.Count(a.capitol.Printed(), `"city joined"`); n != 1 {
		t.Errorf("the city joined %d times: somebody took a slow link for a dead one; it printed:\n%s", n, a.city.Tail())
	}
}

func TestCapitolKilledAndStartedAgainOnAnotherMachine(t *testing.T) {
	a := newAbroad(t)
	a.capitol.Kill()
	there := a.write(t, "killed")
	os.RemoveAll(filepath.Join(a.src, "dir05"))
	time.Sleep(300 * time.Millisecond) // some attempts find nobody
	absent(t, there)
	a.capitol.Again(t)
	a.mustBecomeEqual(t)
	a.neverCompared(t)
}

func TestPlainStreamsToOtherMachinesHaveToBeMeant(t *testing.T) {
	m := newMachine(t)
	r := newRig(t)
	token := r.token(t)
	listen := m.here + ":49996"
	refused := func(want string, args ...string) {
		t.Helper()
		out, code := stand.Run(t, args...)
		if code != 2 || !strings.Contains(out, want) || !strings.Contains(out, "hydrasync: hint: ") || !strings.Contains(out, "--insecure") {
			t.Errorf("%v ended with %d, want 2, %q and a hint:\n%s", args, code, want, out)
		}
	}
	refused("could be read and changed on the way", "city", "--from", "ws://"+listen+"/t", "--to", r.dst, "--once")
	refused("the token would travel unencrypted", "city", "--from", "ws://"+listen+"/t", "--to", r.dst, "--token-file", token, "--once")
	if left, _ := os.ReadDir(r.dst); len(left) > 0 {
		t.Errorf("a refused city left %v", left)
	}
	fill(t, r.src, 10, 100)
	r.capitol = stand.Start(t, "capitol", "--tree", "t="+r.src, "--listen", listen, "--state", r.state, "--insecure")
	m.Do(func() {
		if out, code := stand.Run(t, "city", "--from", "ws://"+listen+"/t", "--to", r.dst, "--insecure", "--once"); code != 0 {
			t.Errorf("a city without token ended with %d:\n%s", code, out)
		}
	})
	stand.Equal(t, r.src, r.dst, r.capitol)
}
