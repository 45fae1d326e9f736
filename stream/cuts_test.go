package stream_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/hydrasync/hydrasync/stream"
)

// campaign sizes a test by HYDRASYNC_FAULTS.
func campaign(unset, ci, long int) int {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return unset
}

// firstCuts is how many bytes of each direction of a session are cut one by one.
const firstCuts = 5000

// chatty is a tree whose first copy makes both ends say more than firstCuts bytes.
func chatty(t *testing.T) *capitol {
	c := newCapitol(t)
	c.mkdir("d")
	for i := range 40 {
		c.write(fmt.Sprint("d/small", i), filled(20*i, byte(i)))
	}
	for i := range 90 { // asked for, one want each
		c.write(fmt.Sprint("d/large", i), filled(stream.MaxInline+1+i, byte(i)))
	}
	return c
}

// TestCampaignCutAtEveryByte cuts a session's connection after each of its first bytes,
// from either end, in every way; the next connection has to bring what is missing and nothing
// may be confirmed that is not there.
func TestCampaignCutAtEveryByte(t *testing.T) {
	t.Parallel()
	c := chatty(t)
	seed, _ := strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64)
	step := campaign(167, 23, 1)
	hows := []string{"close", "reset", "half"}
	cuts := 0
	for k := int(seed) % step; k <= firstCuts; k += step {
		ways := hows
		if step > 1 { // which of them, the next run's seed changes
			ways = hows[(k+cuts)%len(hows):][:1]
		}
		for _, how := range ways {
			for _, f := range []fault{{readCut: int64(k), writeCut: -1, how: how}, {readCut: -1, writeCut: int64(k), how: how}} {
				ok := t.Run(fmt.Sprintf("%s after %d of the capitol's and %d of the city's", how, f.readCut, f.writeCut), func(t *testing.T) {
					converges(t, c, once(f))
				})
				if cuts++; !ok {
					t.FailNow()
				}
			}
		}
	}
	t.Logf("campaign cuts: %d cuts among the first %d bytes of each direction, 0 failures", cuts, firstCuts)
}

// TestCampaignCutAtRandom cuts several times in a row, anywhere in a session, while the
// tree goes on changing.
func TestCampaignCutAtRandom(t *testing.T) {
	t.Parallel()
	seed, _ := strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64)
	cuts := 0
	for i := range uint64(campaign(4, 30, 1500)) {
		r := rand.New(rand.NewPCG(seed+i, 5))
		ok := t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			c := newCapitol(t)
			for i := range 30 {
				c.write(fmt.Sprint("f", i), filled(r.IntN(2*stream.MaxInline), byte(i)))
			}
			hurt := 1 + r.IntN(12)
			chance := rand.New(rand.NewPCG(seed+i, 6)) // the client's, which dials by itself
			f := &faults{next: func(attempt int) fault {
				if attempt > hurt {
					return healthy
				}
				cut := fault{readCut: -1, writeCut: -1, how: pick(chance, "close", "reset", "half", "close")}
				if chance.IntN(3) == 0 {
					cut.writeCut = chance.Int64N(3000)
				} else {
					cut.readCut = chance.Int64N(1 << (8 + chance.IntN(14)))
				}
				return cut
			}}
			m := newCity(t, c.url, f.use)
			m.run()
			for range 40 {
				switch n := r.IntN(30); r.IntN(4) {
				case 0:
					c.write(fmt.Sprint("f", n), filled(r.IntN(2*stream.MaxInline), byte(r.Uint32())))
				case 1:
					c.write("log", append(c.content("log"), "one line more\n"...))
				case 2:
					c.write(fmt.Sprint("new", r.IntN(20)), filled(r.IntN(500), byte(r.Uint32())))
				case 3:
					if c.content("log") != nil {
						c.remove("log")
					}
				}
			}
			m.inStep(c)
			f.mu.Lock()
			cuts += min(f.count-1, hurt)
			f.mu.Unlock()
		})
		if !ok {
			t.FailNow()
		}
	}
	t.Logf("campaign random cuts: %d cuts, 0 failures", cuts)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// content is a file's bytes; nil if there is none.
func (c *capitol) content(path string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.nodes[path]
	if !ok {
		return nil
	}
	b := c.bytes[n.ID]
	return b[:len(b):len(b)]
}
