package stream

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
)

// ErrProtocol is wrapped by every refusal of what a peer sent.
var ErrProtocol = errors.New("not the protocol")

// encoding is the second byte of a message: what was done to the payload.
type encoding byte

const (
	plain  encoding = 0
	packed encoding = 1 // one zstd frame that announces its plain size
)

// worthPacking: a smaller payload is one packet anyway.
const worthPacking = 1 << 10

// codec turns frames into messages and back. It holds no state of any
// connection and is safe for concurrent use.
type codec struct {
	enc  cbor.UserBufferEncMode
	dec  cbor.DecMode
	pool sync.Pool // of *bytes.Buffer

	// Some MiB each, made when needed and gone when nothing was packed for a while.
	packers, unpackers sync.Pool
}

func newCodec() (*codec, error) {
	enc, err := cbor.CoreDetEncOptions().UserBufferEncMode()
	if err != nil {
		return nil, fmt.Errorf("open cbor encoder: %w", err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  8,
		MaxArrayElements: 16 << 10,
		MaxMapPairs:      32,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("open cbor decoder: %w", err)
	}
	return &codec{enc: enc, dec: dec,
		pool:      sync.Pool{New: func() any { return new(bytes.Buffer) }},
		packers:   sync.Pool{New: func() any { return newPacker() }},
		unpackers: sync.Pool{New: func() any { return newUnpacker() }}}, nil
}

// newPacker: a window of MaxFrame is all that a message can use.
func newPacker() *zstd.Encoder {
	return must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(MaxFrame), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)))
}

func newUnpacker() *zstd.Decoder {
	return must(zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxFrame), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true)))
}

// must is for constructors that fail only on options they do not know.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// pack makes the message of a frame, with its payload as it is.
func (c *codec) pack(k kind, frame any) ([]byte, error) {
	buf := c.pool.Get().(*bytes.Buffer)
	defer c.pool.Put(buf)
	buf.Reset()
	buf.WriteByte(byte(k))
	buf.WriteByte(byte(plain))
	if err := c.enc.MarshalToBuffer(frame, buf); err != nil {
		return nil, fmt.Errorf("encode frame %d: %w", k, err)
	}
	if buf.Len() > MaxFrame {
		return nil, fmt.Errorf("encode frame %d: %d bytes are above the limit", k, buf.Len())
	}
	return bytes.Clone(buf.Bytes()), nil
}

// squeeze is the same message with its payload packed, or the message itself
// where that saves less than an eighth.
func (c *codec) squeeze(message []byte) []byte {
	if len(message) < worthPacking || encoding(message[1]) != plain {
		return message
	}
	out := make([]byte, 2, len(message))
	out[0], out[1] = message[0], byte(packed)
	z := c.packers.Get().(*zstd.Encoder)
	defer c.packers.Put(z)
	out = z.EncodeAll(message[2:], out)
	if len(out) > len(message)-len(message)/8 {
		return message
	}
	return out
}

// unpack takes a message apart. The payload is valid as long as the message;
// limit is what it may measure once unpacked.
func (c *codec) unpack(message []byte, limit int) (kind, []byte, error) {
	if len(message) < 2 {
		return 0, nil, fmt.Errorf("%w: message of %d bytes", ErrProtocol, len(message))
	}
	k, payload := kind(message[0]), message[2:]
	switch encoding(message[1]) {
	case plain:
	case packed:
		var err error
		if payload, err = c.inflate(payload, limit); err != nil {
			return 0, nil, err
		}
	default:
		return 0, nil, fmt.Errorf("%w: encoding %d", ErrProtocol, message[1])
	}
	if len(payload) > limit {
		return 0, nil, fmt.Errorf("%w: payload of %d bytes", ErrProtocol, len(payload))
	}
	return k, payload, nil
}

// inflate believes the announced size only after comparing it with the limit,
// and the content only as far as it was announced.
func (c *codec) inflate(payload []byte, limit int) ([]byte, error) {
	var head zstd.Header
	if err := head.Decode(payload); err != nil {
		return nil, fmt.Errorf("%w: zstd header: %w", ErrProtocol, err)
	}
	if head.Skippable || !head.HasFCS || head.FrameContentSize > uint64(limit) || head.DictionaryID != 0 {
		return nil, fmt.Errorf("%w: zstd frame announces %d bytes", ErrProtocol, head.FrameContentSize)
	}
	z := c.unpackers.Get().(*zstd.Decoder)
	defer c.unpackers.Put(z)
	out, err := z.DecodeAll(payload, make([]byte, 0, head.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("%w: zstd: %w", ErrProtocol, err)
	}
	if uint64(len(out)) != head.FrameContentSize {
		return nil, fmt.Errorf("%w: zstd frame of %d bytes announced %d", ErrProtocol, len(out), head.FrameContentSize)
	}
	return out, nil
}

// decode fills v, a pointer to a wire form, from a payload.
func (c *codec) decode(payload []byte, v any) error {
	if err := c.dec.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}
