package stream

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

// guard decides which requests are heard.
type guard struct {
	want     [sha256.Size]byte // the token's hash: comparing hashes tells nothing about length or prefix
	hasToken bool
	gate     Gate // nil: nobody has a credential of his own
	open     bool // who sends none is let in
	insecure bool
	proxy    bool // another program stands before this one and says who calls
	failures *attempts
	visitors Visitors
	log      zerolog.Logger
}

func newGuard(cfg *ServerConfig) guard {
	return guard{want: sha256.Sum256([]byte(cfg.Token)), hasToken: cfg.Token != "", gate: cfg.Gate, open: cfg.open(),
		insecure: cfg.Insecure, proxy: cfg.Proxy, failures: &attempts{}, visitors: cfg.Visitors, log: cfg.Log}
}

// denial is an answer to who is not heard.
type denial struct {
	status     int
	text, hint string
	wait       time.Duration // before the next attempt; zero: nobody minds
}

// check gives the pass of a caller, or says why there is none.
func (g *guard) check(r *http.Request) (*Pass, *denial) {
	credential, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got := sha256.Sum256([]byte(credential))
	switch {
	case g.hasToken && sent && subtle.ConstantTimeCompare(got[:], g.want[:]) == 1:
		return unlimited, nil
	case sent && g.gate != nil && ledger.IsSecret(credential):
		p, err := g.gate.Admit(r.Context(), credential)
		if err != nil {
			return nil, g.deny(r, err)
		}
		return p, nil
	case !g.open && credential == "":
		return nil, g.deny(r, &UnfitError{Reason: "no credential"})
	case !g.open:
		return nil, g.deny(r, &UnfitError{Reason: "unknown credential"})
	case !g.insecure && !plainHost(r.Host):
		// A page that makes its own name point here (DNS rebinding) is not
		// stopped by the missing Origin of a GET, but by its name.
		return nil, &denial{status: http.StatusForbidden, text: "host " + Display(r.Host) + " is not an address",
			hint: "use the IP address or localhost, or give the capitol a token"}
	}
	return unlimited, nil
}

// deny counts a failure against its address, and tells the log why.
func (g *guard) deny(r *http.Request, err error) *denial {
	var unfit *UnfitError
	if !errors.As(err, &unfit) {
		g.log.Error().Err(err).Msg("cannot say who may come")
		return &denial{status: http.StatusServiceUnavailable, text: "the capitol cannot look that up now", hint: "try again; see the capitol's log"}
	}
	from := g.caller(r)
	if wait := g.failures.fail(from, time.Now()); wait > 0 {
		g.log.Debug().Stringer("remote", from).Str("reason", unfit.Reason).Msg("refused, too often")
		return &denial{status: http.StatusTooManyRequests, text: "too many failed attempts from this address", hint: "wait, or come with a right credential", wait: wait}
	}
	g.visitors.Refused(Refusal{City: unfit.City, Tree: clip(r.PathValue("name"), MaxTreeName), Remote: g.remote(r), Reason: unfit.Reason})
	line := g.log.Warn().Stringer("remote", from).Str("reason", unfit.Reason)
	if unfit.City != "" {
		line = line.Str("city", Display(unfit.City))
	}
	line.Str("page", Display(r.URL.Path)).Msg("refused")
	return &denial{status: http.StatusUnauthorized, text: "the token is missing or wrong",
		hint: "join with a code from hydrasync invite, or send the capitol's token: --token-file or HYDRASYNC_TOKEN"}
}

// caller is the address that a request came from. What a proxy says is believed
// only where one was announced: the last that it has added.
func (g *guard) caller(r *http.Request) netip.Addr {
	if g.proxy {
		all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
		if from, err := netip.ParseAddr(strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])); err == nil {
			return from
		}
	}
	return addressOf(r.RemoteAddr)
}

// addressOf is zero for what is no TCP address.
func addressOf(hostport string) netip.Addr {
	a, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// plainHost: an IP address or localhost, with or without a port.
func plainHost(hostport string) bool {
	if loopback(hostport) {
		return true
	}
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// guarded lets a request through that may be heard, and cuts it off when its
// pass ends.
func (s *Server) guarded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, no := s.guard.check(r)
		if no != nil {
			s.meter.refused.Add(1)
			no.answer(w)
			return
		}
		admitted(r.Context())
		ctx, cancel := context.WithCancel(withPass(r.Context(), p))
		defer cancel()
		defer p.whenOver(func() {
			cancel()
			// Who is slow to take what was written meanwhile gets no more of it.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // fails only for a hijacked connection, which its subscription ends
		})()
		next(w, r.WithContext(ctx))
	})
}

func (d *denial) answer(w http.ResponseWriter) {
	switch {
	case d.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case d.wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(d.wait.Seconds())))
	}
	refuse(w, d.status, d.text, d.hint)
}
