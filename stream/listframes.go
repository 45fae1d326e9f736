package stream

import (
	"fmt"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// featureChunks: the capitol tells contents as chunks. The name stands for the
// table and the lengths of package chunk too.
const featureChunks = "chunks"

// list asks for the chunks of a content.
type list struct {
	Request uint64
	Node    journal.NodeID
	Digest  journal.Digest
}

type wireList struct {
	Request uint64 `cbor:"1,keyasint"`
	Node    int64  `cbor:"2,keyasint"`
	Digest  []byte `cbor:"3,keyasint"`
}

// chunks answers a list. What it says of the content is not checked by the codec: only who
// asked knows its size.
type chunks struct {
	Request uint64
	List    chunk.List
}

type wireChunks struct {
	Request uint64 `cbor:"1,keyasint"`
	Grain   uint8  `cbor:"2,keyasint"`
	Count   uint64 `cbor:"3,keyasint"`
	Chunks  []byte `cbor:"4,keyasint"` // see [chunk.AppendChunks]
}

func toList(m list) wireList {
	return wireList{Request: m.Request, Node: int64(m.Node), Digest: m.Digest[:]}
}

func (c *codec) decodeList(payload []byte) (list, error) {
	var w wireList
	if err := c.decode(payload, &w); err != nil {
		return list{}, err
	}
	if w.Request == 0 || w.Node <= 0 {
		return list{}, broken("list %d", w.Request)
	}
	m := list{Request: w.Request, Node: journal.NodeID(w.Node)}
	return m, fill(m.Digest[:], w.Digest, "digest")
}

func toChunks(m chunks) wireChunks {
	return wireChunks{Request: m.Request, Grain: uint8(m.List.Grain), Count: uint64(len(m.List.Chunks)),
		Chunks: chunk.AppendChunks(nil, m.List.Chunks)}
}

func (c *codec) decodeChunks(payload []byte) (chunks, error) {
	var w wireChunks
	if err := c.decode(payload, &w); err != nil {
		return chunks{}, err
	}
	all, rest, err := chunk.ParseChunks(w.Chunks, w.Count)
	if err != nil {
		return chunks{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if w.Request == 0 || len(rest) > 0 {
		return chunks{}, broken("chunks of request %d", w.Request)
	}
	return chunks{w.Request, chunk.List{Grain: chunk.Grain(w.Grain), Chunks: all}}, nil
}
