package relays

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// wan is what lies between machines that are far from each other: a cable to each,
// which can be cut.
//
//	namespace eth0 ═══ cable ─┐
//	namespace eth0 ═══ cable ─┴─ bridge, in a namespace of its own
type wan struct {
	net   *stand.Namespace
	plugs int
}

func newWAN(t *testing.T) *wan {
	t.Helper()
	w := &wan{net: stand.NewNamespace(t)}
	w.net.IP("link", "add", "bridge", "type", "bridge")
	w.net.IP("link", "set", "bridge", "up")
	return w
}

// plug gives a machine a network and an address.
func (w *wan) plug(m *machine) {
	m.w.t.Helper()
	w.plugs++
	host := fmt.Sprint("10.77.0.", w.plugs)
	m.net, m.cable, m.addr = stand.NewNamespace(m.w.t), fmt.Sprint("cable", w.plugs), host+":49996"
	w.net.IP("link", "add", m.cable, "type", "veth", "peer", "name", "eth0", "netns", m.net.Name)
	w.net.IP("link", "set", m.cable, "master", "bridge", "up")
	m.net.IP("addr", "add", host+"/16", "dev", "eth0")
	m.net.IP("link", "set", "eth0", "up")
}

func (w *wan) cut(m *machine)  { w.net.IP("link", "set", m.cable, "down") }
func (w *wan) mend(m *machine) { w.net.IP("link", "set", m.cable, "up") }

// reaches says whether somebody who listens there is reached from here.
func reaches(t *testing.T, from, to *machine) bool {
	t.Helper()
	host, _, _ := net.SplitHostPort(to.addr)
	var ln net.Listener
	var err error
	to.do(func() { ln, err = net.Listen("tcp4", host+":7") })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var conn net.Conn
	from.do(func() { conn, err = net.DialTimeout("tcp4", host+":7", time.Second) })
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// tripwire is a directory that nobody may open, read or change.
type tripwire struct {
	dir string
	fd  int
}

func newTripwire(t *testing.T, dir string) *tripwire {
	t.Helper()
	stand.Write(t, filepath.Join(dir, "file"), "outside")
	stand.Write(t, filepath.Join(dir, "deep", "file"), "outside")
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for _, d := range []string{dir, filepath.Join(dir, "deep")} {
		if _, err := unix.InotifyAddWatch(fd, d, unix.IN_ALL_EVENTS); err != nil {
			t.Fatal(err)
		}
	}
	return &tripwire{dir, fd}
}

// untouched says that nothing has happened there.
func (w *tripwire) untouched(t *testing.T) {
	t.Helper()
	b := make([]byte, 16<<10)
	n, err := unix.Read(w.fd, b)
	if err == unix.EAGAIN {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for b = b[:n]; len(b) >= unix.SizeofInotifyEvent; {
		mask, end := binary.NativeEndian.Uint32(b[4:]), unix.SizeofInotifyEvent+binary.NativeEndian.Uint32(b[12:])
		t.Errorf("somebody was in %s: %#x %q", w.dir, mask, b[unix.SizeofInotifyEvent:end])
		b = b[end:]
	}
	if _, err := os.ReadFile(filepath.Join(w.dir, "file")); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(w.fd, make([]byte, 16<<10)); n <= 0 {
		t.Errorf("the wire of %s does not trip: %v", w.dir, err)
	}
}
