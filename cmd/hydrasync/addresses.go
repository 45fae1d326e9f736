package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/journal/ledger"
)

// webAddress makes http(s)://HOST[:PORT][/PATH] of what a person types.
func webAddress(text string, secure bool) (string, error) {
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case !found && secure:
		text = "https://" + text
	case !found:
		text = "http://" + text
	case scheme == "ws":
		text = "http://" + rest
	case scheme == "wss":
		text = "https://" + rest
	}
	text = strings.TrimSuffix(text, "/")
	return text, joincode.CheckAddress(text)
}

// addressesOf lists where a capitol may be reached from other machines.
func addressesOf(at *ledger.Serving) ([]string, error) {
	if at.Proxy {
		return nil, usage("give it: --address https://HOST", "only you know at which address the proxy is reached")
	}
	scheme := "http://"
	if at.TLS {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(at.Listen)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	switch ip, err := netip.ParseAddr(host); {
	case len(at.Names) > 0: // an authority vouches for names, not for addresses
		hosts = at.Names
	case err == nil && ip.IsUnspecified():
		if hosts, err = machineAddresses(); err != nil {
			return nil, err
		}
	}
	var all []string
	for _, h := range hosts[:min(len(hosts), joincode.MostAddresses)] {
		all = append(all, scheme+net.JoinHostPort(h, port))
	}
	return all, nil
}

// machineAddresses lists this machine's, IPv4 first: more of what lies between
// two machines understands it. Without a network it is loopback.
func machineAddresses() ([]string, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, a := range found {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || !p.Addr().IsGlobalUnicast() { // neither loopback nor link-local
			continue
		}
		all = append(all, p.Addr())
	}
	if len(all) == 0 {
		all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return texts, nil
}
