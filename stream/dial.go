package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// dial opens the websocket to an origin. Waiting on the limit of reads ends with ctx.
func (c *Client) dial(ctx context.Context, o *origin) (*conn, error) {
	var live *liveConn
	d := websocket.Dialer{
		HandshakeTimeout: handshakeTime,
		ReadBufferSize:   64 << 10,
		WriteBufferSize:  writeBuffer,
		Subprotocols:     []string{Subprotocol},
		NetDialContext: func(dctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := c.through(dctx, o.url, network, addr)
			if err != nil {
				return nil, err
			}
			live = newLive(ctx, nc, c.cfg.Limit)
			return live, nil
		},
	}
	if o.TLS != nil {
		d.TLSClientConfig = o.TLS.Clone()
	}
	head := http.Header{"User-Agent": {"hydrasync"}}
	if o.Token != "" {
		head.Set("Authorization", "Bearer "+o.Token)
	}
	ws, resp, err := d.DialContext(ctx, o.url.String(), head)
	if err != nil {
		if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
			return nil, refusedBy(resp)
		}
		return nil, fmt.Errorf("connect to %s: %w", o.url.Host, err)
	}
	if ws.Subprotocol() != Subprotocol {
		_ = ws.Close()
		return nil, &RefusedError{Text: "it does not speak " + Subprotocol, Hint: "use the same major version on both ends"}
	}
	return newConn(ws, live, MaxFrame), nil
}

func (c *Client) connectTo(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.cfg.Dial != nil {
		return c.cfg.Dial(ctx, network, addr)
	}
	d := net.Dialer{Timeout: handshakeTime, KeepAlive: 15 * time.Second}
	return d.DialContext(ctx, network, addr)
}

// refusedBy reads why. Only a capitol's own words are final: the page of some
// proxy in between may be gone the next minute. Redirects are not followed:
// a capitol cannot send its cities elsewhere.
func refusedBy(resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, MaxText)) // what can be read of it
	var r refusal
	_ = json.Unmarshal(body, &r) // checked by what it holds
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUpgradeRequired:
		if r.Error != "" {
			return &RefusedError{Status: resp.StatusCode, Text: Display(r.Error), Hint: Display(r.Hint)}
		}
	}
	return &faultError{fault{Text: fmt.Sprintf("HTTP status %d: %s", resp.StatusCode, r.Error)}}
}

// shakeHands says hello and reads the welcome.
func (c *Client) shakeHands(cn *conn, h Hello) (Welcome, error) {
	_ = cn.ws.SetReadDeadline(time.Now().Add(handshakeTime))
	_ = cn.ws.SetWriteDeadline(time.Now().Add(handshakeTime))
	message, err := c.codec.pack(kindHello, toHello(h))
	if err != nil {
		return Welcome{}, err
	}
	if len(message) > MaxClientFrame {
		return Welcome{}, fmt.Errorf("hello of %d bytes: too many sub_dirs", len(message))
	}
	if err := cn.write(message); err != nil {
		return Welcome{}, err
	}
	if message, err = cn.read(); err != nil {
		return Welcome{}, err
	}
	k, payload, err := c.codec.unpack(message, MaxFrame)
	if err != nil {
		return Welcome{}, err
	}
	switch k {
	case kindWelcome:
		w, err := c.codec.decodeWelcome(payload)
		if err == nil && (w.Version != Version || w.Heartbeat < time.Millisecond || w.Heartbeat > max(h.Heartbeat, time.Second)) {
			err = broken("welcome to version %d with a heartbeat of %v", w.Version, w.Heartbeat)
		}
		return w, err
	case kindError:
		return Welcome{}, c.ended(payload)
	}
	return Welcome{}, broken("frame %d before the welcome", k)
}

// ended turns an error frame into its error.
func (c *Client) ended(payload []byte) error {
	f, err := c.codec.decodeFault(payload)
	if err != nil {
		return err
	}
	if f.Permanent {
		return &RefusedError{Text: Display(f.Text), Hint: f.Code.hint()}
	}
	return &faultError{f}
}
