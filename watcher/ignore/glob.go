package ignore

import "strings"

// token matches one byte, or for star any number of them.
type token struct {
	kind tokenKind
	char byte   // char
	set  *class // set
}

type tokenKind uint8

const (
	char tokenKind = iota
	any1           // ?
	set            // [...]
	star           // *
)

// glob is a pattern for one component. The literal text at both ends is kept
// apart because comparing it settles most cases.
type glob struct {
	head, tail string
	middle     []token // begins and ends with no char
}

// anyName matches every component.
var anyName = glob{middle: []token{{kind: star}}}

func (g *glob) literal() bool  { return len(g.middle) == 0 }
func (g *glob) onlyStar() bool { return len(g.middle) == 1 && g.middle[0].kind == star }

// match compares with one component, which holds no slash.
func (g *glob) match(name string) bool {
	if g.literal() {
		return name == g.head
	}
	if len(name) < len(g.head)+len(g.tail) || !strings.HasPrefix(name, g.head) || !strings.HasSuffix(name, g.tail) {
		return false
	}
	return g.onlyStar() || matchTokens(g.middle, name[len(g.head):len(name)-len(g.tail)])
}

// matchTokens walks tokens and name side by side. On a mismatch only the last
// star takes a byte more: what an earlier star could take, the last can take
// as well.
func matchTokens(tokens []token, name string) bool {
	at, pos := 0, 0
	againAt, againPos := -1, 0
	for pos < len(name) {
		switch {
		case at < len(tokens) && tokens[at].kind == star:
			at++
			againAt, againPos = at, pos
		case at < len(tokens) && tokens[at].matches(name[pos]):
			at, pos = at+1, pos+1
		case againAt < 0:
			return false
		default:
			againPos++
			at, pos = againAt, againPos
		}
	}
	for at < len(tokens) && tokens[at].kind == star {
		at++
	}
	return at == len(tokens)
}

func (t *token) matches(b byte) bool {
	switch t.kind {
	case char:
		return t.char == b
	case any1:
		return true
	}
	return t.set.has(b)
}

// compileName compiles a body without a slash.
func compileName(body string) (glob, error) {
	tokens, _, _, err := scan(body)
	if err == nil && len(tokens) == 0 {
		err = errEmptyName
	}
	return fold(tokens), err
}

// scan reads the tokens of one component; more says that a slash followed,
// and rest is what stands behind it.
func scan(body string) (tokens []token, rest string, more bool, err error) {
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '?':
			tokens = append(tokens, token{kind: any1})
		case '*':
			if n := len(tokens); n == 0 || tokens[n-1].kind != star {
				tokens = append(tokens, token{kind: star})
			}
		case '[':
			s, length, err := parseClass(body[i:])
			if err != nil {
				return nil, "", false, err
			}
			tokens = append(tokens, token{kind: set, set: s})
			i += length - 1
		case '\\':
			if i++; i == len(body) {
				return nil, "", false, errBackslash
			}
			fallthrough
		default:
			if body[i] == '/' {
				return tokens, body[i+1:], true, nil
			}
			tokens = append(tokens, token{kind: char, char: body[i]})
		}
	}
	return tokens, "", false, nil
}

// fold takes the literal ends off.
func fold(tokens []token) glob {
	head, tail := 0, len(tokens)
	for head < len(tokens) && tokens[head].kind == char {
		head++
	}
	for tail > head && tokens[tail-1].kind == char {
		tail--
	}
	return glob{head: text(tokens[:head]), tail: text(tokens[tail:]), middle: tokens[head:tail]}
}

func text(tokens []token) string {
	b := make([]byte, len(tokens))
	for i, t := range tokens {
		b[i] = t.char
	}
	return string(b)
}
