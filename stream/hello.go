package stream

import (
	"path"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// The two frames of a handshake: their CBOR forms, and what each has to pass.

type wireHello struct {
	Versions   []uint64     `cbor:"1,keyasint"`
	Tree       bstr         `cbor:"2,keyasint"`
	Position   wirePosition `cbor:"3,keyasint"`
	SubDirs    []bstr       `cbor:"4,keyasint,omitempty"`
	Features   []bstr       `cbor:"5,keyasint,omitempty"`
	HasContent bool         `cbor:"6,keyasint,omitempty"`
	Compare    bool         `cbor:"7,keyasint,omitempty"`
	City       bstr         `cbor:"8,keyasint,omitempty"`
	Heartbeat  int64        `cbor:"9,keyasint,omitempty"` // ms
	Window     int64        `cbor:"10,keyasint,omitempty"`
	As         bstr         `cbor:"11,keyasint,omitempty"`
	Replica    bstr         `cbor:"12,keyasint,omitempty"`
	Program    bstr         `cbor:"13,keyasint,omitempty"`
}

type wireWelcome struct {
	Version   uint64         `cbor:"1,keyasint"`
	Mode      uint8          `cbor:"2,keyasint"`
	Reason    bstr           `cbor:"3,keyasint,omitempty"`
	Position  wirePosition   `cbor:"4,keyasint"`
	Nodes     int64          `cbor:"5,keyasint,omitempty"`
	Bytes     int64          `cbor:"6,keyasint,omitempty"`
	Features  []bstr         `cbor:"7,keyasint,omitempty"`
	Heartbeat int64          `cbor:"8,keyasint,omitempty"` // ms
	Waits     bool           `cbor:"9,keyasint,omitempty"`
	Lineage   []wireAncestor `cbor:"10,keyasint,omitempty"`
}

func toHello(h Hello) wireHello {
	return wireHello{Versions: h.Versions, Tree: bstr(h.Tree), Position: toPosition(h.Position), SubDirs: toBytes(h.SubDirs),
		Features: toBytes(h.Features), HasContent: h.HasContent, Compare: h.Compare, City: bstr(clip(h.City, MaxCityName)),
		Heartbeat: h.Heartbeat.Milliseconds(), Window: h.Window,
		As: bstr(clip(h.As, MaxCityName)), Replica: bstr(clip(h.Replica, MaxReplica)), Program: bstr(clip(h.Program, MaxProgram))}
}

func (c *codec) decodeHello(payload []byte) (Hello, error) {
	var w wireHello
	if err := c.decode(payload, &w); err != nil {
		return Hello{}, err
	}
	position, err := w.Position.position()
	if err != nil {
		return Hello{}, err
	}
	switch {
	case len(w.Versions) == 0 || len(w.Versions) > MaxVersions:
		return Hello{}, broken("%d versions", len(w.Versions))
	case len(w.Tree) > MaxTreeName || len(w.City) > MaxCityName || len(w.As) > MaxCityName || len(w.Replica) > MaxReplica || len(w.Program) > MaxProgram:
		return Hello{}, broken("name too long")
	case w.Heartbeat < 0 || w.Heartbeat > maxHeartbeat.Milliseconds():
		return Hello{}, broken("heartbeat of %d ms", w.Heartbeat)
	case w.Window < 0 || w.Window > MaxWindow:
		return Hello{}, broken("window of %d bytes", w.Window)
	}
	h := Hello{Versions: w.Versions, Tree: string(w.Tree), Position: position, HasContent: w.HasContent, Compare: w.Compare,
		City: string(w.City), As: string(w.As), Replica: string(w.Replica), Heartbeat: time.Duration(w.Heartbeat) * time.Millisecond,
		Window: w.Window, Program: string(w.Program)}
	if h.Features, err = fromBytes(w.Features, MaxFeatures, MaxFeature); err != nil {
		return Hello{}, err
	}
	if h.SubDirs, err = fromBytes(w.SubDirs, MaxSubDirs, MaxSubDir); err != nil {
		return Hello{}, err
	}
	return h, checkSubDirs(h.SubDirs)
}

// checkSubDirs takes relative paths in their shortest form only.
func checkSubDirs(dirs []string) error {
	total := 0
	for _, d := range dirs {
		if total += len(d); len(d) > MaxSubDir || total > MaxSubDirBytes {
			return broken("sub_dirs of more than %d bytes", MaxSubDirBytes)
		}
		if d == "" || path.Clean(d) != d {
			return broken("sub_dir %s", Display(d))
		}
		for part := range strings.SplitSeq(d, "/") {
			if !journal.ValidName(part) {
				return broken("sub_dir %s", Display(d))
			}
		}
	}
	return nil
}

func toWelcome(m Welcome) wireWelcome {
	return wireWelcome{Version: m.Version, Mode: uint8(m.Mode), Reason: bstr(clip(m.Reason, MaxText)),
		Position: toPosition(m.Position), Nodes: m.Nodes, Bytes: m.Bytes, Features: toBytes(m.Features),
		Heartbeat: m.Heartbeat.Milliseconds(), Waits: m.Waits, Lineage: toLineage(m.Lineage)}
}

func (c *codec) decodeWelcome(payload []byte) (Welcome, error) {
	var w wireWelcome
	if err := c.decode(payload, &w); err != nil {
		return Welcome{}, err
	}
	position, err := w.Position.position()
	if err != nil {
		return Welcome{}, err
	}
	if Mode(w.Mode) < Resume || Mode(w.Mode) > Full || len(w.Reason) > MaxText || w.Nodes < 0 || w.Bytes < 0 ||
		w.Heartbeat < 0 || w.Heartbeat > maxHeartbeat.Milliseconds() || position.Epoch.IsZero() {
		return Welcome{}, broken("welcome")
	}
	m := Welcome{Version: w.Version, Mode: Mode(w.Mode), Reason: string(w.Reason), Position: position, Nodes: w.Nodes,
		Bytes: w.Bytes, Heartbeat: time.Duration(w.Heartbeat) * time.Millisecond, Waits: w.Waits}
	if m.Lineage, err = fromLineage(w.Lineage); err != nil {
		return Welcome{}, err
	}
	m.Features, err = fromBytes(w.Features, MaxFeatures, MaxFeature)
	return m, err
}

func toBytes(s []string) []bstr {
	var out []bstr
	for _, x := range s {
		out = append(out, bstr(x))
	}
	return out
}

func fromBytes(b []bstr, most, longest int) ([]string, error) {
	if len(b) > most {
		return nil, broken("%d names in a list", len(b))
	}
	var out []string
	for _, x := range b {
		if len(x) > longest {
			return nil, broken("name of %d bytes in a list", len(x))
		}
		out = append(out, string(x))
	}
	return out, nil
}
