package stream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// conn is one websocket, speaking messages. One goroutine reads; writes may
// come from several and take turns.
type conn struct {
	ws   *websocket.Conn
	live *liveConn

	buf  []byte        // the reader's, reused from message to message
	turn chan struct{} // of writers: one place, taken while one writes
}

func newConn(ws *websocket.Conn, live *liveConn, limit int64) *conn {
	ws.SetReadLimit(limit + 2)
	return &conn{ws: ws, live: live, turn: make(chan struct{}, 1)}
}

// arm starts the deadlines of a connection that has shaken hands.
func (c *conn) arm(idle time.Duration) {
	_ = c.ws.SetReadDeadline(time.Time{})
	_ = c.ws.SetWriteDeadline(time.Time{})
	c.live.arm(idle)
}

// read is the next message; it is valid until the next read.
func (c *conn) read() ([]byte, error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, readError(err)
	}
	if kind != websocket.BinaryMessage {
		return nil, broken("a text message")
	}
	c.buf, err = appendAll(c.buf[:0], r)
	if err != nil {
		return nil, readError(err)
	}
	return c.buf, nil
}

// keepSmall is the buffer that an idle connection keeps.
const keepSmall = 4 << 10

// rest lets a large buffer go; whoever serves many idle connections calls it.
func (c *conn) rest() {
	if cap(c.buf) > keepSmall {
		c.buf = nil
	}
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	if cap(b) == 0 {
		b = make([]byte, 0, 512)
	}
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case len(b) == cap(b):
			b = append(b, make([]byte, cap(b))...)[:len(b)]
		}
	}
}

func readError(err error) error {
	if errors.Is(err, websocket.ErrReadLimit) {
		return broken("a message above the limit")
	}
	return fmt.Errorf("read stream: %w", err)
}

// write sends one message, whole.
func (c *conn) write(message []byte) error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, message); err != nil {
		return fmt.Errorf("write stream: %w", err)
	}
	return nil
}

// lastTime is what saying one more thing may take.
const lastTime = time.Second

// last says one more thing before the connection closes, if it goes out soon.
// What the peer sends meanwhile is read and dropped: a socket that is closed
// with unread bytes is reset, and takes back what it has just said.
func (c *conn) last(message []byte) error {
	c.live.disarm(lastTime) // whoever is stuck in a write has that long too
	select {
	case c.turn <- struct{}{}:
	case <-time.After(lastTime):
		return errSocket
	}
	err := c.ws.WriteMessage(websocket.BinaryMessage, message)
	<-c.turn
	if tcp, ok := underneath(c.live).(*net.TCPConn); ok && err == nil {
		_ = tcp.CloseWrite()
		_ = tcp.SetReadDeadline(time.Now().Add(lastTime))
		_, _ = io.CopyN(io.Discard, tcp, 1<<20)
	}
	return err
}

// close may be called at any time, more than once; it ends reads and writes.
func (c *conn) close() { _ = c.ws.Close() }
