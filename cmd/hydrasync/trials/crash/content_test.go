package crash

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// claim is what a file says of itself in its first line. A digest of all before
// it is its last, so that whoever reads the file knows whether it is whole.
type claim struct {
	id      string
	version int
	size    int
	mode    uint32 // that it has from its first moment on; 0: any
}

const claimWord = "hydra-claim"

// sealed makes the bytes of a file: the claim, filler, the digest.
func (c claim) sealed(filler []byte) []byte {
	const tail = 2*sha256.Size + 1
	head := func() []byte { return fmt.Appendf(nil, "%s %s %d %d %o\n", claimWord, c.id, c.version, c.size, c.mode) }
	if c.size == 0 {
		for c.size = len(head()) + len(filler) + tail; c.size != len(head())+len(filler)+tail; {
			c.size = len(head()) + len(filler) + tail
		}
	}
	b := append(head(), filler...)
	sum := sha256.Sum256(b)
	return append(hex.AppendEncode(b, sum[:]), '\n')
}

// filler is n bytes that nobody else has; the same for the same seed.
func filler(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 7})
	r.Read(b)
	return b
}

// errTorn says that bytes are not all of one version.
type errTorn struct{ why string }

func (e *errTorn) Error() string { return e.why }

// read checks the bytes of a file and says what they claim.
func read(b []byte) (c claim, err error) {
	if bytes.HasPrefix(b, []byte(logLine(0)[:5])) {
		return readLog(b)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var word string
	if _, err := fmt.Sscanf(string(line), "%s %s %d %d %o", &word, &c.id, &c.version, &c.size, &c.mode); err != nil || word != claimWord {
		return c, &errTorn{fmt.Sprintf("%d bytes that begin with %.40q are no version of anything", len(b), line)}
	}
	if len(b) != c.size {
		return c, &errTorn{fmt.Sprintf("%s version %d has %d bytes of %d", c.id, c.version, len(b), c.size)}
	}
	body := b[:len(b)-2*sha256.Size-1]
	sum := sha256.Sum256(body)
	if got := string(b[len(body):]); got != hex.EncodeToString(sum[:])+"\n" {
		return c, &errTorn{fmt.Sprintf("%s version %d: its digest is wrong", c.id, c.version)}
	}
	return c, nil
}

// A log grows line by line; any beginning of it is a version.
const logID = "log"

func logLine(i int) string {
	return fmt.Sprintf("line %06d of the log %s\n", i, strings.Repeat("x", i%50))
}

func logText(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(logLine(i))
	}
	return b.String()
}

func readLog(b []byte) (claim, error) {
	rest := string(b)
	for i := 0; rest != ""; i++ {
		line := logLine(i)
		if !strings.HasPrefix(rest, line[:min(len(line), len(rest))]) {
			return claim{}, &errTorn{fmt.Sprintf("the log's line %d is %.60q", i, rest)}
		}
		rest = rest[min(len(line), len(rest)):]
	}
	return claim{id: logID, version: len(b)}, nil
}
