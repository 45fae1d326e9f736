package stream

import (
	"fmt"

	"github.com/hydrasync/hydrasync/journal"
)

// The small frames: their CBOR forms, and what each has to pass on arrival.

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
	InLine   bool         `cbor:"3,keyasint,omitempty"`
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
	return wireBeat{Position: toPosition(m.Position), Scope: filled(m.Scope[:]), InLine: m.InLine}
}

func (c *codec) decodeBeat(payload []byte) (m Beat, err error) {
	var w wireBeat
	if err := c.decode(payload, &w); err != nil {
		return Beat{}, err
	}
	if m.Position, err = w.Position.position(); err != nil {
		return Beat{}, err
	}
	m.InLine = w.InLine
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
