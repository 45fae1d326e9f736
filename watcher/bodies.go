package watcher

import (
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

const (
	maxBodies  = 4 << 20         // files beneath stateFrom, and what logs grew by, are kept after they were hashed, all of them together
	bodyCost   = 256             // what keeping one takes besides its bytes, about
	bodiesIdle = 3 * time.Second // released when nobody asked or added for so long
)

// bodies are the bytes of small files, and the tails of grown ones, that were hashed a moment ago, by digest,
// so that the cities' first question needs no second read. It may be used from many goroutines.
type bodies struct {
	mu    sync.Mutex
	by    map[journal.Digest]kept
	order []journal.Digest // oldest first
	bytes int
	used  time.Time
}

// kept are a content's bytes from an offset to its end.
type kept struct {
	from  int64
	bytes []byte
}

func (b *bodies) put(d journal.Digest, body []byte, from int64) {
	if len(body) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = time.Now()
	if b.by == nil {
		b.by = map[journal.Digest]kept{}
	}
	if _, ok := b.by[d]; ok {
		return
	}
	for b.bytes+len(body)+bodyCost > maxBodies {
		b.bytes -= len(b.by[b.order[0]].bytes) + bodyCost
		delete(b.by, b.order[0])
		b.order = b.order[1:]
	}
	b.by[d] = kept{from, body}
	b.order = append(b.order, d)
	b.bytes += len(body) + bodyCost
}

// get is a content from an offset on, if that is here.
func (b *bodies) get(d journal.Digest, at int64) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = time.Now()
	k, ok := b.by[d]
	if !ok || at < k.from || at-k.from > int64(len(k.bytes)) {
		return nil, false
	}
	return k.bytes[at-k.from:], true
}

// release empties it if it has been idle.
func (b *bodies) release(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes > 0 && now.Sub(b.used) > bodiesIdle {
		b.by, b.order, b.bytes = nil, nil, 0
	}
}
