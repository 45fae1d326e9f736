package stream

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A stranger may be wrong so often at once, and then once in a while.
const (
	attemptBurst = 10
	attemptEvery = 6 * time.Second
	// keepAttempts addresses are remembered, and as many that came before them.
	keepAttempts = 4096
)

// attempts counts who failed to prove himself, by address. It is asked only
// about failures: who sends the right credential is never kept waiting.
type attempts struct {
	mu       sync.Mutex
	now, old map[netip.Addr]*rate.Limiter
}

// fail counts one more. It returns how long to keep away, zero for not at all.
func (a *attempts) fail(from netip.Addr, at time.Time) time.Duration {
	key := from.Unmap().WithZone("")
	if key.Is6() { // a customer has 64 bits to choose from
		p, _ := key.Prefix(64) // 64 is in range
		key = p.Addr()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.now[key]
	if l == nil {
		if l = a.old[key]; l == nil {
			l = rate.NewLimiter(rate.Every(attemptEvery), attemptBurst)
		}
		if a.now == nil || len(a.now) >= keepAttempts {
			a.old, a.now = a.now, make(map[netip.Addr]*rate.Limiter)
		}
		a.now[key] = l
	}
	if l.AllowN(at, 1) {
		return 0
	}
	missing := 1 - l.TokensAt(at)
	return max(time.Second, time.Duration(missing*float64(attemptEvery)).Round(time.Second))
}
