package stand

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Namespace is the network of another machine. It and its cards go with the test.
type Namespace struct {
	Name string
	t    testing.TB
}

var namespaces atomic.Int64

// NewNamespace makes one that has no card but the loopback. It needs root.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	NeedsRoot(t)
	Needs(t, "ip")
	n := &Namespace{t: t, Name: fmt.Sprintf("hydrasync-%d-%d", os.Getpid(), namespaces.Add(1))}
	if out, err := exec.Command("ip", "netns", "add", n.Name).CombinedOutput(); err != nil {
		t.Skipf("needs network namespaces: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", n.Name).Run() })
	n.IP("link", "set", "lo", "up")
	return n
}

// IP runs ip(8) for that network.
func (n *Namespace) IP(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", n.Name}, args...)...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}

func (n *Namespace) path() string { return "/run/netns/" + n.Name }

// Do calls start on that machine: what it starts, listens or dials lives there.
func (n *Namespace) Do(start func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		n.t.Fatal(err)
	}
	defer home.Close()
	away, err := os.Open(n.path())
	if err != nil {
		n.t.Fatal(err)
	}
	defer away.Close()
	if err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // this thread must not go on in the wrong place
		}
	}()
	start()
}

// OneWay puts up a firewall: in comes only what belongs to a connection that was begun inside.
func (n *Namespace) OneWay() {
	n.t.Helper()
	at, err := os.Open(n.path())
	if err != nil {
		n.t.Fatal(err)
	}
	defer at.Close()
	conn, err := nftables.New(nftables.WithNetNSFd(int(at.Fd())))
	if err != nil {
		n.t.Fatal(err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "wall"})
	drop := nftables.ChainPolicyDrop
	in := conn.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &drop})
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	ours := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	conn.AddRule(&nftables.Rule{Table: table, Chain: in, Exprs: []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: ours, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		accept,
	}})
	conn.AddRule(&nftables.Rule{Table: table, Chain: in, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: append([]byte("lo"), make([]byte, unix.IFNAMSIZ-2)...)},
		accept,
	}})
	if err := conn.Flush(); errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
		n.t.Skipf("needs nftables in the kernel: %v", err)
	} else if err != nil {
		n.t.Fatalf("put up a firewall: %v", err)
	}
}
