package ignore

import "strings"

// class is a set of bytes: what stands between [ and ].
type class [4]uint64

func (c *class) has(b byte) bool { return c[b>>6]&(1<<(b&63)) != 0 }
func (c *class) add(b byte)      { c[b>>6] |= 1 << (b & 63) }

// addRange adds nothing when the ends are swapped.
func (c *class) addRange(from, to byte) {
	for b := int(from); b <= int(to); b++ {
		c.add(byte(b))
	}
}

func (c *class) invert() {
	for i := range c {
		c[i] = ^c[i]
	}
}

// parseClass reads a class at the beginning of s, which is '[', and says how
// many bytes it took. The first byte after "[", "[!" or "[^" is a member even
// if it is ']'. A slash may be a member but no component holds one.
func parseClass(s string) (*class, int, error) {
	c := &class{}
	i := 1
	inverted := i < len(s) && (s[i] == '!' || s[i] == '^')
	if inverted {
		i++
	}
	var from byte // what a '-' that comes next would start from; 0 if nothing
	for first := true; ; first = false {
		if i >= len(s) {
			return nil, 0, errUnclosed
		}
		if s[i] == ']' && !first {
			break
		}
		var took int
		var err error
		if from, took, err = c.parseMember(s[i:], from); err != nil {
			return nil, 0, err
		}
		i += took
	}
	if inverted {
		c.invert()
	}
	return c, i + 1, nil
}

// parseMember adds the byte, range or named class at the beginning of s. The
// byte it returns may start a range; it is 0 after a range or a named class.
func (c *class) parseMember(s string, from byte) (byte, int, error) {
	switch {
	case s[0] == '-' && from != 0 && len(s) > 1 && s[1] != ']':
		to, took, err := parseByte(s[1:])
		if err != nil {
			return 0, 0, err
		}
		c.addRange(from, to)
		return 0, 1 + took, nil
	case strings.HasPrefix(s, "[:"):
		took, err := c.parseNamed(s)
		if took > 0 || err != nil {
			return 0, took, err
		}
		c.add('[') // "[:" that no ":]" closes: a bracket like any byte
		return '[', 1, nil
	}
	b, took, err := parseByte(s)
	if err != nil {
		return 0, 0, err
	}
	c.add(b)
	return b, took, nil
}

// parseByte reads one member, which a backslash may protect.
func parseByte(s string) (byte, int, error) {
	if s[0] != '\\' {
		return s[0], 1, nil
	}
	if len(s) < 2 {
		return 0, 0, errUnclosed
	}
	return s[1], 2, nil
}

// parseNamed reads [:name:] at the beginning of s and says how many bytes it
// took: none if the next ']' is not preceded by a ':' of its own.
func (c *class) parseNamed(s string) (int, error) {
	end := strings.IndexByte(s[2:], ']')
	if end < 0 {
		return 0, errUnclosed
	}
	name, found := strings.CutSuffix(s[2:2+end], ":")
	if !found {
		return 0, nil
	}
	member := named(name)
	if member == nil {
		return 0, errClassName
	}
	for b := range 256 {
		if member(byte(b)) {
			c.add(byte(b))
		}
	}
	return 2 + end + 1, nil
}
