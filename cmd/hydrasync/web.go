package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// web reads a capitol's pages for people.
type web struct {
	base   string // http(s)://HOST:PORT
	tree   string // "" if the address names none
	token  string
	again  time.Duration // a server that wakes nobody: ask again after this
	client *http.Client
}

// step is how long to wait before asking again.
func (w *web) step() time.Duration {
	if w.again > 0 {
		return w.again
	}
	return remoteStep
}

// lost is an error that another attempt may not meet again.
func lost(err error) error {
	return &failure{err: err, hint: "is the capitol running, and reachable from here?", code: codeFailed, lost: true}
}

func openWeb(l linkConf) (*web, error) {
	base, tree, err := httpBase(l.From)
	if err != nil {
		return nil, err
	}
	token, secure, err := l.secrets()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, usage("write ws://HOST:PORT/NAME", "%q is no URL", l.From)
	}
	if err := stream.CheckTarget(u, token != "", l.Insecure); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure
	if transport.Proxy, err = l.proxy(false); err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	return &web{base: base, tree: tree, token: token, client: &http.Client{Transport: transport}}, nil
}

func isLost(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.lost
}

// get asks for a page; rang is a Range header or "". A refusal is the caller's to read.
func (w *web) get(ctx context.Context, page string, query url.Values, rang string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+page+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if rang != "" {
		r.Header.Set("Range", rang)
	}
	resp, err := w.client.Do(r)
	if err != nil && ctx.Err() == nil {
		return nil, lost(fmt.Errorf("ask %s: %w", w.base, err))
	}
	return resp, err
}

// page is the path of one of the tree's pages.
func (w *web) page(name string) string {
	return fmt.Sprintf("/v1/trees/%s/%s", url.PathEscape(w.tree), name)
}
