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
	"net/url"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/stream"
)

// How long one address may take to be reached, and to answer.
const (
	reachTime  = 4 * time.Second
	redeemTime = 20 * time.Second
	maxJoined  = 1 << 20
)

// redeem asks at each address in turn, and says which one answered. A capitol
// that refuses would do so at each of its addresses.
func redeem(ctx context.Context, code *joincode.Code, j *joinConf) (*stream.Joined, string, error) {
	link := linkConf{TLSCA: j.ca, Pin: code.Pin}
	secure, err := link.tls()
	if err != nil {
		return nil, "", err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure
	if transport.Proxy, err = link.proxy(false); err != nil {
		return nil, "", err
	}
	transport.DialContext = (&net.Dialer{Timeout: reachTime}).DialContext
	transport.DisableKeepAlives = true
	client := &http.Client{Transport: transport, Timeout: redeemTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var errs []error
	for _, address := range code.Addresses {
		if u, err := url.Parse(address); err != nil || stream.CheckTarget(u, true, j.insecure) != nil {
			errs = append(errs, fmt.Errorf("%s has no TLS: the credential would travel unencrypted; --insecure takes it", stream.Display(address)))
			continue
		}
		got, err := redeemAt(ctx, client, address, code)
		var final *failure
		if err == nil || errors.As(err, &final) || ctx.Err() != nil {
			return got, address, err
		}
		errs = append(errs, err)
	}
	return nil, "", failed("is the capitol running, and reachable from here? hydrasync invite --address tells a code where else it is",
		"no address of the code leads to its capitol: %w", errors.Join(errs...))
}

// redeemAt fails with a [failure] where another address would not do better.
func redeemAt(ctx context.Context, client *http.Client, address string, code *joincode.Code) (*stream.Joined, error) {
	body, err := json.Marshal(map[string]string{"code": code.Secret.Reveal()})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/join", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
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
	case resp.StatusCode == http.StatusForbidden && got.Error != "", resp.StatusCode == http.StatusTooManyRequests:
		return nil, failed(stream.Display(got.Hint), "the capitol refuses: %s", stream.Display(got.Error))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s %s", stream.Display(address), resp.Status, stream.Display(got.Error))
	case err != nil || got.City == "" || got.Credential == "":
		return nil, failed("ask for a new one: hydrasync city rotate on the capitol", "%s did not answer as a capitol does; the code may be used now", stream.Display(address))
	}
	return &got.Joined, nil
}
