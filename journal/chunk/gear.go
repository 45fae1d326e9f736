package chunk

import "encoding/binary"

// window is how many bytes the gear hash remembers: each step shifts it by one
// of 64 bits.
const window = 64

// gear has a number for each byte. It is frozen: the numbers of splitmix64
// (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
// 2014) from the seed below, one after the other.
var gear = func() (t [256]uint64) {
	state := uint64(0x6879647261636863)
	for i := range t {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		t[i] = z ^ z>>31
	}
	return t
}()

// warm rolls over bytes without judging them.
func warm(h uint64, p []byte) uint64 {
	for _, b := range p {
		h = h<<1 + gear[b]
	}
	return h
}

// seek rolls until the hash is below the threshold, and says how many bytes that took. Four
// bytes a turn leave the processor time to look their numbers up.
//
//go:noinline
func seek(h uint64, p []byte, below uint64) (n int, _ uint64, found bool) {
	for ; n+4 <= len(p); n += 4 {
		four := binary.LittleEndian.Uint32(p[n:])
		g0, g1, g2, g3 := gear[byte(four)], gear[byte(four>>8)], gear[byte(four>>16)], gear[four>>24]
		h1 := h<<1 + g0
		h2 := h<<2 + (g0<<1 + g1)
		if h1 < below {
			return n + 1, h1, true
		}
		if h2 < below {
			return n + 2, h2, true
		}
		h3 := h2<<1 + g2
		h = h2<<2 + (g2<<1 + g3)
		if h3 < below {
			return n + 3, h3, true
		}
		if h < below {
			return n + 4, h, true
		}
	}
	for ; n < len(p); n++ {
		if h = h<<1 + gear[p[n]]; h < below {
			return n + 1, h, true
		}
	}
	return n, h, false
}
