package stream

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// Proxy tells by which proxy to go to an address, if by any. None of its errors, nor
// those of connecting, holds what the proxy is told of who calls.
type Proxy func(*http.Request) (*url.URL, error)

// ParseProxy reads the address of a proxy: http://HOST:PORT or socks5://HOST:PORT,
// with USER:PASSWORD@ where it asks for that. "none" is no proxy, whatever the
// environment says, and "" what that says.
func ParseProxy(text string) (Proxy, error) {
	switch text {
	case "none":
		return nil, nil
	case "":
		return environmentProxy, nil
	}
	u, err := url.Parse(text)
	if err != nil || !isProxy(u) {
		return nil, &HintError{errors.New("the proxy is no address of one"), "write http://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ before HOST if it asks; or none"}
	}
	return http.ProxyURL(u), nil
}

func isProxy(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "socks5") && u.Hostname() != "" && u.Port() != "" &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// environmentProxy goes by HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func environmentProxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, &HintError{errors.New("HTTPS_PROXY or HTTP_PROXY holds no address of a proxy"), "write http://HOST:PORT or socks5://HOST:PORT into it"}
	}
	return u, nil
}

// through connects to addr, by a proxy if one is to be used for it.
func (c *Client) through(ctx context.Context, to *url.URL, network, addr string) (net.Conn, error) {
	if c.cfg.Proxy == nil {
		return c.connectTo(ctx, network, addr)
	}
	scheme := "http"
	if to.Scheme == "wss" {
		scheme = "https"
	}
	by, err := c.cfg.Proxy(&http.Request{URL: &url.URL{Scheme: scheme, Host: to.Host}})
	if err != nil {
		return nil, err
	}
	if by == nil {
		return c.connectTo(ctx, network, addr)
	}
	nc, err := c.byProxy(ctx, by, addr)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", Display(by.Host), err)
	}
	return nc, nil
}

func (c *Client) byProxy(ctx context.Context, by *url.URL, addr string) (net.Conn, error) {
	greet, usual := greetHTTP, "80"
	switch by.Scheme {
	case "http":
	case "socks5", "socks5h": // names are the proxy's to look up either way
		greet, usual = greetSOCKS, "1080"
	default:
		return nil, &HintError{errors.New("it speaks neither HTTP nor SOCKS5"), "write http://HOST:PORT or socks5://HOST:PORT"}
	}
	host := by.Host
	if by.Port() == "" {
		host = net.JoinHostPort(by.Hostname(), usual)
	}
	nc, err := c.connectTo(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(handshakeTime))
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := greet(ctx, nc, by.User, addr); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return nc, nc.SetDeadline(time.Time{})
}

// maxGreeting is enough for what a proxy says before it lets through.
const maxGreeting = 16 << 10

// greetHTTP asks for a tunnel.
func greetHTTP(_ context.Context, nc net.Conn, user *url.Userinfo, addr string) error {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {"hydrasync"}}}
	if user != nil {
		password, _ := user.Password()
		ask.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := ask.Write(nc); err != nil {
		return err
	}
	in := bufio.NewReader(io.LimitReader(nc, maxGreeting))
	resp, err := http.ReadResponse(in, ask)
	switch {
	case err != nil:
		return errors.New("it does not answer as an HTTP proxy does") // the error may repeat what it said
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return &HintError{errors.New("407: it wants to know who calls, or does not know that name and password"), "write USER:PASSWORD@ before its host"}
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case in.Buffered() > 0:
		return errors.New("it speaks before it is spoken to")
	}
	return nil
}

// greetSOCKS leaves looking up the name to the proxy.
func greetSOCKS(_ context.Context, nc net.Conn, user *url.Userinfo, addr string) error {
	var auth *proxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", "proxy", auth, connected{nc})
	if err != nil {
		return err
	}
	_, err = d.Dial("tcp", addr)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // without the addresses, which are not those that a person wrote
	}
	return err
}

// connected is a dialer that has dialled.
type connected struct{ net.Conn }

// Dial gives the connection.
func (c connected) Dial(string, string) (net.Conn, error) { return c.Conn, nil }
