package watcher

import (
	"math"
	"time"
)

// pace says when the next look may begin. Alone, a change is looked at at once.
// In a burst that would append it crumb by crumb: each append flushes, and where
// journal and tree share a disk each flush makes whoever writes the burst
// wait for the file system's own journal (a copy of 12,800 files made 3,059 flushes
// and took twice its time). So a burst is looked at when it pauses, and now and then while
// it goes on. It knows no clock: every method is told the time.
type pace struct {
	heat  float64   // paths of events in the looks of late
	at    time.Time // when it was that
	began time.Time // the last look
	ended time.Time
}

const (
	burstFrom  = 64                     // so many paths, lately and now, are a burst: more than a person or a log makes
	heatHalf   = 100 * time.Millisecond // half of the heat is gone after this
	burstEvery = 80 * time.Millisecond  // a burst that goes on is looked at so often at most ...
	burstPause = 30 * time.Millisecond  // ... and left alone for so long between two looks, or for as long as the last one took
	burstMost  = 250 * time.Millisecond // ... up to this
	pauseLeast = 5 * time.Millisecond   // without an event: the burst pauses. At least as long as a look takes ...
	pauseMost  = 25 * time.Millisecond  // ... up to this, so that a slow disk is not flushed at each of its own stalls
)

// until is when the next look may begin, given how many paths wait and when an
// event was heard last. A full look never waits.
func (p *pace) until(now, heard time.Time, waiting int) time.Time {
	if waiting >= maxLook || p.warmth(now)+float64(waiting) < burstFrom {
		return now
	}
	took := p.ended.Sub(p.began)
	next := later(p.began.Add(burstEvery), p.ended.Add(min(max(took, burstPause), burstMost)))
	return earlier(next, heard.Add(min(max(took, pauseLeast), pauseMost)))
}

// looked notes a look at so many paths of events.
func (p *pace) looked(paths int, began, ended time.Time) {
	p.heat = p.warmth(ended) + float64(paths)
	p.at, p.began, p.ended = ended, began, ended
}

func (p *pace) warmth(now time.Time) float64 {
	return p.heat * math.Exp2(-float64(now.Sub(p.at))/float64(heatHalf))
}
