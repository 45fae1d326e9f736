package stream

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// The CBOR forms of the frames, and the checks that each passes on arrival.

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
}

type wireWelcome struct {
	Version   uint64       `cbor:"1,keyasint"`
	Mode      uint8        `cbor:"2,keyasint"`
	Reason    bstr         `cbor:"3,keyasint,omitempty"`
	Position  wirePosition `cbor:"4,keyasint"`
	Nodes     int64        `cbor:"5,keyasint,omitempty"`
	Bytes     int64        `cbor:"6,keyasint,omitempty"`
	Features  []bstr       `cbor:"7,keyasint,omitempty"`
	Heartbeat int64        `cbor:"8,keyasint,omitempty"` // ms
}

type wireBatch struct {
	Entries  []wireEntry  `cbor:"1,keyasint,omitempty"`
	Bodies   []wireInline `cbor:"2,keyasint,omitempty"`
	Position wirePosition `cbor:"3,keyasint"`
	Full     bool         `cbor:"4,keyasint,omitempty"`
	FullDone bool         `cbor:"5,keyasint,omitempty"`
}

type wireInline struct {
	Node   int64  `cbor:"1,keyasint"`
	Offset int64  `cbor:"2,keyasint,omitempty"`
	Bytes  []byte `cbor:"3,keyasint"`
}

type wireWant struct {
	Request    uint64 `cbor:"1,keyasint"`
	Node       int64  `cbor:"2,keyasint"`
	Digest     []byte `cbor:"3,keyasint"`
	Generation uint64 `cbor:"4,keyasint,omitempty"`
	Offset     int64  `cbor:"5,keyasint,omitempty"`
	Length     int64  `cbor:"6,keyasint"`
}

type wireCancel struct {
	Request uint64 `cbor:"1,keyasint"`
}

type wireCredit struct {
	Consumed int64 `cbor:"1,keyasint"` // payload bytes of all batches so far
}

type wireBeat struct {
	Position wirePosition `cbor:"1,keyasint"`
	Scope    []byte       `cbor:"2,keyasint,omitempty"`
}

type wireContent struct {
	Request uint64 `cbor:"1,keyasint"`
	Offset  int64  `cbor:"2,keyasint,omitempty"`
	Last    bool   `cbor:"3,keyasint,omitempty"`
	Bytes   []byte `cbor:"4,keyasint"`
}

type wireMoved struct {
	Request uint64 `cbor:"1,keyasint"`
	Failed  bool   `cbor:"2,keyasint,omitempty"`
	Text    bstr   `cbor:"3,keyasint,omitempty"`
}

type wireFault struct {
	Code      uint64 `cbor:"1,keyasint"`
	Text      bstr   `cbor:"2,keyasint,omitempty"`
	Permanent bool   `cbor:"3,keyasint,omitempty"`
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

func toHello(h Hello) wireHello {
	return wireHello{Versions: h.Versions, Tree: bstr(h.Tree), Position: toPosition(h.Position), SubDirs: toBytes(h.SubDirs),
		Features: toBytes(h.Features), HasContent: h.HasContent, Compare: h.Compare, City: bstr(clip(h.City, MaxCityName)),
		Heartbeat: h.Heartbeat.Milliseconds(), Window: h.Window}
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
	case len(w.Tree) > MaxTreeName || len(w.City) > MaxCityName:
		return Hello{}, broken("name too long")
	case w.Heartbeat < 0 || w.Heartbeat > maxHeartbeat.Milliseconds():
		return Hello{}, broken("heartbeat of %d ms", w.Heartbeat)
	case w.Window < 0 || w.Window > MaxWindow:
		return Hello{}, broken("window of %d bytes", w.Window)
	}
	h := Hello{Versions: w.Versions, Tree: string(w.Tree), Position: position, HasContent: w.HasContent, Compare: w.Compare,
		City: string(w.City), Heartbeat: time.Duration(w.Heartbeat) * time.Millisecond, Window: w.Window}
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
		Heartbeat: m.Heartbeat.Milliseconds()}
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
		Bytes: w.Bytes, Heartbeat: time.Duration(w.Heartbeat) * time.Millisecond}
	m.Features, err = fromBytes(w.Features, MaxFeatures, MaxFeature)
	return m, err
}

func toBatch(b *Batch) wireBatch {
	w := wireBatch{Position: toPosition(b.Position), Full: b.Full, FullDone: b.FullDone}
	w.Entries = make([]wireEntry, len(b.Entries))
	for i := range b.Entries {
		w.Entries[i] = toEntry(&b.Entries[i])
		if in, ok := b.Bodies[b.Entries[i].Change.Node.ID]; ok {
			w.Bodies = append(w.Bodies, wireInline{Node: int64(b.Entries[i].Change.Node.ID), Offset: in.Offset, Bytes: in.Bytes})
		}
	}
	return w
}

// decodeBatch also checks the set as a whole: no node twice, content only for
// files of the set and exactly to their end.
func (c *codec) decodeBatch(payload []byte) (Batch, error) {
	var w wireBatch
	if err := c.decode(payload, &w); err != nil {
		return Batch{}, err
	}
	position, err := w.Position.position()
	if err != nil {
		return Batch{}, err
	}
	if w.FullDone && !w.Full {
		return Batch{}, broken("the end of a full comparison outside of one")
	}
	b := Batch{Position: position, Full: w.Full, FullDone: w.FullDone, Entries: make([]journal.Entry, len(w.Entries))}
	at := make(map[journal.NodeID]int, len(w.Entries))
	for i := range w.Entries {
		if b.Entries[i], err = w.Entries[i].entry(); err != nil {
			return Batch{}, err
		}
		id := b.Entries[i].Change.Node.ID
		if _, twice := at[id]; twice && id != 0 {
			return Batch{}, broken("node %d twice in a batch", id)
		}
		at[id] = i
	}
	return b, b.takeBodies(w.Bodies, at)
}

func (b *Batch) takeBodies(bodies []wireInline, at map[journal.NodeID]int) error {
	for _, in := range bodies {
		id := journal.NodeID(in.Node)
		i, known := at[id]
		_, twice := b.Bodies[id]
		if !known || id == 0 || twice || b.Entries[i].Change.Gone || len(in.Bytes) > MaxInline {
			return broken("content for node %d", in.Node)
		}
		n := &b.Entries[i].Change.Node
		if n.Kind != journal.File || in.Offset < 0 || in.Offset != n.Body.Size-int64(len(in.Bytes)) {
			return broken("content of node %d does not end where the file does", in.Node)
		}
		if b.Bodies == nil {
			b.Bodies = make(map[journal.NodeID]Inline, len(bodies))
		}
		b.Bodies[id] = Inline{Offset: in.Offset, Bytes: in.Bytes}
	}
	return nil
}

func toWant(m want) wireWant {
	return wireWant{Request: m.Request, Node: int64(m.Node), Digest: m.Digest[:], Generation: m.Generation,
		Offset: m.Offset, Length: m.Length}
}

func (c *codec) decodeWant(payload []byte) (want, error) {
	var w wireWant
	if err := c.decode(payload, &w); err != nil {
		return want{}, err
	}
	if w.Request == 0 || w.Node <= 0 || w.Offset < 0 || w.Length <= 0 || w.Length > MaxWant || w.Offset > 1<<62 {
		return want{}, broken("want %d", w.Request)
	}
	m := want{Request: w.Request, Node: journal.NodeID(w.Node), Generation: w.Generation, Offset: w.Offset, Length: w.Length}
	return m, fill(m.Digest[:], w.Digest, "digest")
}

func (c *codec) decodeContent(payload []byte) (content, error) {
	var w wireContent
	if err := c.decode(payload, &w); err != nil {
		return content{}, err
	}
	if w.Request == 0 || w.Offset < 0 || len(w.Bytes) == 0 || len(w.Bytes) > MaxContent {
		return content{}, broken("content of request %d", w.Request)
	}
	return content{Request: w.Request, Offset: w.Offset, Bytes: w.Bytes, Last: w.Last}, nil
}

func toMoved(m moved) wireMoved {
	return wireMoved{Request: m.Request, Failed: m.Failed, Text: bstr(clip(m.Text, MaxText))}
}

func (c *codec) decodeMoved(payload []byte) (moved, error) {
	var w wireMoved
	if err := c.decode(payload, &w); err != nil {
		return moved{}, err
	}
	if w.Request == 0 || len(w.Text) > MaxText {
		return moved{}, broken("answer to request %d", w.Request)
	}
	return moved{Request: w.Request, Failed: w.Failed, Text: string(w.Text)}, nil
}

func toBeat(m Beat) wireBeat {
	return wireBeat{Position: toPosition(m.Position), Scope: filled(m.Scope[:])}
}

func (c *codec) decodeBeat(payload []byte) (m Beat, err error) {
	var w wireBeat
	if err := c.decode(payload, &w); err != nil {
		return Beat{}, err
	}
	if m.Position, err = w.Position.position(); err != nil {
		return Beat{}, err
	}
	return m, fill(m.Scope[:], w.Scope, "digest")
}

func toFault(m fault) wireFault {
	return wireFault{Code: uint64(m.Code), Text: bstr(clip(m.Text, MaxText)), Permanent: m.Permanent}
}

func (c *codec) decodeFault(payload []byte) (fault, error) {
	var w wireFault
	if err := c.decode(payload, &w); err != nil {
		return fault{}, err
	}
	if len(w.Text) > MaxText {
		return fault{}, broken("error text of %d bytes", len(w.Text))
	}
	return fault{Code: Code(w.Code), Text: string(w.Text), Permanent: w.Permanent}, nil
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
