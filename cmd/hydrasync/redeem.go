package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// How long one address may take to be reached, and to answer.
const (
	reachTime  = 4 * time.Second
	redeemTime = 20 * time.Second
	maxJoined  = 1 << 20

	redeemRounds = 3 // over all addresses, where an answer was lost
	redeemPause  = 300 * time.Millisecond
)

// redemption is one city's request, the same at one address after the other.
type redemption struct {
	client   *http.Client
	code     *joincode.Code
	own      ledger.Secret // the credential that the city has drawn
	insecure bool
	sent     atomic.Bool // a capitol may have heard it, and its answer was lost
}

func newRedemption(code *joincode.Code, own ledger.Secret, j *joinConf) (*redemption, error) {
	link := linkConf{TLSCA: j.ca, Pin: code.Pin}
	secure, err := link.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure
	if transport.Proxy, err = link.proxy(false); err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: reachTime}).DialContext
	transport.DisableKeepAlives = true
	return &redemption{code: code, own: own, insecure: j.insecure, client: &http.Client{Transport: transport, Timeout: redeemTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// redeem says too which address answered. Where an answer was lost the code may be used up,
// and the same request is answered again.
func (r *redemption) redeem(ctx context.Context) (*stream.Joined, string, error) {
	var err error
	for round := range redeemRounds {
		if round > 0 && (!r.sent.Load() || !pause(ctx, redeemPause)) {
			break
		}
		var got *stream.Joined
		var at string
		got, at, err = r.everywhere(ctx)
		if final := (*failure)(nil); err == nil || errors.As(err, &final) {
			return got, at, err
		}
	}
	if r.sent.Load() {
		return nil, "", failed("type the same once more: until the code expires, this city gets the same answer",
			"the code may be used, and the answer was lost: %w", err)
	}
	return nil, "", failed("is the capitol running, and reachable from here? hydrasync invite --address tells a code where else it is",
		"no address of the code leads to its capitol: %w", err)
}

// everywhere asks at each address in turn. A capitol that refuses would do so at each of its addresses.
func (r *redemption) everywhere(ctx context.Context) (*stream.Joined, string, error) {
	var errs []error
	for _, address := range r.code.Addresses {
		if u, err := url.Parse(address); err != nil || stream.CheckTarget(u, true, r.insecure) != nil {
			errs = append(errs, fmt.Errorf("%s has no TLS: the credential would travel unencrypted; --insecure takes it", stream.Display(address)))
			continue
		}
		got, err := r.at(ctx, address)
		if final := (*failure)(nil); err == nil || errors.As(err, &final) {
			return got, address, err
		}
		errs = append(errs, err)
	}
	return nil, "", errors.Join(errs...)
}

// at fails with a [failure] where another address would not do better.
func (r *redemption) at(ctx context.Context, address string) (*stream.Joined, error) {
	body, err := json.Marshal(map[string]string{"code": r.code.Secret.Reveal(), "credential": r.own.Reveal()})
	if err != nil {
		return nil, err
	}
	before := r.sent.Load()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { r.sent.Store(true) }})
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/join", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var got struct {
		stream.Joined
		Error, Hint string
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxJoined)).Decode(&got)
	switch {
	case resp.StatusCode == http.StatusForbidden && got.Error != "":
		r.sent.Store(false)
		return nil, refusal(got.Error, got.Hint)
	case resp.StatusCode == http.StatusTooManyRequests:
		r.sent.Store(before)
		return nil, refusal(got.Error, got.Hint)
	case resp.StatusCode >= 400 && resp.StatusCode < 500: // it was not for this page
		r.sent.Store(before)
		return nil, fmt.Errorf("%s answers %s %s", stream.Display(address), resp.Status, stream.Display(got.Error))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s %s", stream.Display(address), resp.Status, stream.Display(got.Error))
	case err != nil || got.City == "" || got.Credential == "":
		return nil, fmt.Errorf("%s did not answer as a capitol does", stream.Display(address))
	}
	return &got.Joined, nil
}

func refusal(text, hint string) error {
	return failed(stream.Display(hint), "the capitol refuses: %s", stream.Display(text))
}
