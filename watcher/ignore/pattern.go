package ignore

import "strings"

// shape is how a pattern is compared; most real patterns have one of the
// cheap shapes.
type shape uint8

const (
	never     shape = iota // matches nothing: malformed, or an empty name
	exactName              // one name, literally
	exactPath              // one path, literally
	tailName               // a name's end: *.o
	globName               // a name
	globPath               // a path, component by component
)

// pattern is a compiled body.
type pattern struct {
	shape shape
	text  string // exactName, exactPath, tailName
	parts []part // globName (one), globPath
}

// part is what stands between two slashes.
type part struct {
	deep bool // **/ : any number of components, also none
	glob glob
}

// match compares; base is path's last component.
func (p *pattern) match(path, base string) bool {
	switch p.shape {
	case exactName:
		return base == p.text
	case exactPath:
		return path == p.text
	case tailName:
		return strings.HasSuffix(base, p.text)
	case globName:
		return p.parts[0].glob.match(base)
	case globPath:
		return matchPath(p.parts, path)
	}
	return false
}

// compile reads a body: no '!' before it and no '/' that marks directories
// after it. A slash anywhere ties it to the root, else it speaks of names. With
// an error, which is a [malformed], the pattern is the one that never matches.
func compile(body string) (pattern, error) {
	if !strings.Contains(body, "/") {
		g, err := compileName(body)
		if err != nil {
			return pattern{shape: never}, err
		}
		return ofName(g), nil
	}
	parts, err := compilePath(strings.TrimPrefix(body, "/"))
	if err != nil {
		return pattern{shape: never}, err
	}
	return ofPath(parts), nil
}

func ofName(g glob) pattern {
	switch {
	case g.literal():
		return pattern{shape: exactName, text: g.head}
	case g.onlyStar() && g.head == "":
		return pattern{shape: tailName, text: g.tail}
	}
	return pattern{shape: globName, parts: []part{{glob: g}}}
}

func ofPath(parts []part) pattern {
	names := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.deep || !p.glob.literal() {
			return pattern{shape: globPath, parts: parts}
		}
		names = append(names, p.glob.head)
	}
	return pattern{shape: exactPath, text: strings.Join(names, "/")}
}
