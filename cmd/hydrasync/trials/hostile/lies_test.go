package hostile

import (
	"bytes"
	"fmt"
	"strings"
)

// firstNode of a batch that is of that kind; nil if there is none.
func firstNode(v m, kind uint64) m {
	entries, _ := v[1].([]any)
	for _, e := range entries {
		if n, ok := e.(m)[4].(m); ok && n[4] == kind && n[1] != uint64(1) {
			return n
		}
	}
	return nil
}

// inNode is the lie about one node of that kind.
func inNode(kind uint64, change func(n m)) lie {
	return func(k byte, v m, _ func([]byte)) [][]byte {
		n := firstNode(v, kind)
		if k != fBatch || n == nil {
			return nil
		}
		change(n)
		return [][]byte{frame(k, v)}
	}
}

func inFrame(kind byte, change func(v m)) lie {
	return func(k byte, v m, _ func([]byte)) [][]byte {
		if k != kind {
			return nil
		}
		change(v)
		return [][]byte{frame(k, v)}
	}
}

func alsoEntry(entry m) lie {
	return inFrame(fBatch, func(v m) {
		entries, _ := v[1].([]any)
		v[1] = append(entries, entry)
	})
}

func set(key uint64, value any) func(m) { return func(v m) { v[key] = value } }

const (
	file = uint64(1)
	dir  = uint64(2)
)

// catalogue of lies; %CANARY% is where a city must not reach.
func catalogue(canary string) map[string]lie {
	all := map[string]lie{
		"a child of a link to the outside": inFrame(fBatch, func(v m) {
			entries, _ := v[1].([]any)
			v[1] = append(entries,
				m{1: 1, 4: m{1: 900, 2: 1, 3: []byte("out"), 4: 3, 5: 0o777, 13: []byte(canary)}},
				m{1: 1, 4: m{1: 901, 2: 900, 3: []byte("through"), 4: 2, 5: 0o755}})
		}),
		"a directory that is a link in the next batch": func(k byte, v m, _ func([]byte)) [][]byte {
			n := firstNode(v, dir)
			if k != fBatch || n == nil {
				return nil
			}
			link := m{1: []any{m{1: 1 << 40, 4: m{1: n[1], 2: 1, 3: n[3], 4: 3, 5: 0o777, 13: []byte(canary)}}}, 4: v[4]}
			child := m{1: []any{m{1: 1<<40 + 1, 4: m{1: 901, 2: n[1], 3: []byte("through"), 4: 2, 5: 0o755}}}, 4: v[4]}
			return [][]byte{frame(k, v), frame(k, link), frame(k, child)}
		},
		"its own parent":            inNode(dir, func(n m) { n[2] = n[1] }),
		"a parent of nobody":        inNode(file, set(2, 1<<40)),
		"an id beyond all":          inNode(file, set(1, uint64(1)<<62)),
		"no id":                     inNode(file, set(1, 0)),
		"a device":                  inNode(file, set(4, 5)),
		"a type in the mode":        inNode(file, set(5, 0o60644)),
		"a set-id program":          inNode(file, set(5, 0o4755)),
		"a negative size":           inNode(file, set(11, -1)),
		"a size of 8 EiB":           inNode(file, set(11, int64(1<<63-1))),
		"a size of 1 TiB":           inNode(file, set(11, int64(1)<<40)),
		"a digest that lies":        inNode(file, set(12, bytes.Repeat([]byte{7}, 32))),
		"a digest cut short":        inNode(file, set(12, []byte{1, 2, 3})),
		"the root goes":             alsoEntry(m{1: 1, 5: 1}),
		"a circle":                  alsoEntry(m{1: 1, 4: m{1: 900, 2: 901, 3: []byte("x"), 4: 2, 5: 0o755}}),
		"a node twice":              inFrame(fBatch, func(v m) { e, _ := v[1].([]any); v[1] = append(e, e...) }),
		"text for a name":           inNode(file, func(n m) { n[3] = "text" }),
		"attributes of the machine": inNode(file, set(15, []any{[]any{[]byte("security.evil"), []byte("x")}, []any{[]byte("trusted.evil"), []byte("x")}})),
		"a position of nobody":      inFrame(fBatch, func(v m) { v[3] = m{1: bytes.Repeat([]byte{9}, 16), 2: 7, 3: make([]byte, 32)} }),
		"a welcome of version 9":    inFrame(fWelcome, set(1, 9)),
		"features of the future":    inFrame(fWelcome, set(7, [][]byte{[]byte("chunks"), []byte("teleport")})),
		"a resume without a past":   inFrame(fWelcome, set(2, 1)),
		"no heartbeat":              inFrame(fWelcome, set(8, 0)),
		"a digest of another tree":  inFrame(fBeat, set(2, bytes.Repeat([]byte{3}, 32))),
		"content of another file":   inFrame(fContent, func(v m) { clear(v[4].([]byte)) }),
		"content out of order":      inFrame(fContent, set(2, 77)),
		"content after its end":     inFrame(fContent, func(v m) { v[4] = append(v[4].([]byte), "more"...) }),
		"content that ends early":   inFrame(fContent, set(3, true)),
		"an unknown frame":          func(byte, m, func([]byte)) [][]byte { return [][]byte{frame(99, m{})} },
		"a message of nothing":      func(byte, m, func([]byte)) [][]byte { return [][]byte{{}} },
		"a packed bomb": func(k byte, v m, _ func([]byte)) [][]byte {
			if k != fBatch {
				return nil
			}
			return [][]byte{bomb(k)}
		},
		"keys of the future": inFrame(fBatch, set(4000, "which a city of today does not know")),
	}
	for _, name := range []string{"..", ".", "", "a/b", "../../canary/x", "/etc/x", "nul\x00", ".hydrasync", strings.Repeat("n", 256), "\x1b[2Jclear"} {
		all[fmt.Sprintf("the name %.20q", name)] = inNode(dir, set(3, []byte(name)))
	}
	return all
}

// bomb is a zstd frame of some bytes that says to hold 1 MiB, in blocks of one repeated byte
// that make 16 GiB of it. See RFC 8878, 3.1.1.
func bomb(kind byte) []byte {
	b := []byte{kind, 1, 0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58, 0, 0, 0x10, 0} // a window of 2 MiB, 1 MiB announced
	for range 131_072 {
		b = append(b, 0x02, 0, 0x10, 0) // an RLE block of 128 KiB, not the last
	}
	return append(b, 0x03, 0, 0x10, 0)
}
