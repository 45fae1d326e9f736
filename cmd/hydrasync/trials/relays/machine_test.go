package relays

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// machine is a config file and the process that runs it.
type machine struct {
	w          *world
	name, file string
	addr       string // where it serves
	process    *stand.Process
	net        *stand.Namespace // its own network, where it has one
	cable      string           // its card's other end
}

// machine makes one that serves on an address of its own; it does not run yet.
func (w *world) machine(name string) *machine {
	w.t.Helper()
	m := &machine{w: w, name: name, file: filepath.Join(w.dir, name+".toml"), addr: stand.Address(w.t)}
	w.machines = append(w.machines, m)
	return m
}

// write replaces the config file at once; text follows what every machine has.
func (m *machine) write(text string) {
	m.w.t.Helper()
	head := fmt.Sprintf("name = %q\nstate = %q\nroots = [%q]\n", m.name, m.state(), m.home(""))
	m.w.mkdir(m.home(""))
	serve := fmt.Sprintf("[serve]\nlisten = %q\n", m.addr)
	if err := os.WriteFile(m.file+".new", []byte(head+strings.Replace(text, "[serve]\n", serve, 1)), 0o600); err != nil {
		m.w.t.Fatal(err)
	}
	if err := os.Rename(m.file+".new", m.file); err != nil {
		m.w.t.Fatal(err)
	}
}

func (m *machine) state() string { return filepath.Join(m.w.dir, m.name+".state") }

// home is where its replicas are.
func (m *machine) home(replica string) string {
	return filepath.Join(m.w.dir, m.name+".home", replica)
}

func (m *machine) url(tree string) string {
	if m.net != nil {
		return "wss://" + m.addr + "/" + tree
	}
	return "ws://" + m.addr + "/" + tree
}

// do calls something on that machine.
func (m *machine) do(something func()) {
	m.w.t.Helper()
	if m.net == nil {
		something()
		return
	}
	m.net.Do(something)
}

func (m *machine) start() {
	m.w.t.Helper()
	m.do(func() {
		if m.process != nil {
			m.process.Again(m.w.t)
			return
		}
		m.process = stand.Start(m.w.t, "run", "--config", m.file, "--log-format", "json")
		m.process.Name = m.name
	})
}
