package ignore

import "strings"

// compilePath splits at the slashes that are not inside a class and compiles
// every component. A "**" that fills a component alone reaches across slashes:
//
//	**/b    deep, b          none or more components before b
//	a/**    a, deep, *       everything beneath a, not a itself
//	**\/b   *, deep, b       an escaped slash is a slash that must be there
func compilePath(body string) ([]part, error) {
	var parts []part
	for {
		if after, found := cutDeep(body); found {
			switch {
			case after == "":
				return append(parts, part{deep: true}, part{glob: anyName}), nil
			case after[0] == '/':
				parts, body = append(parts, part{deep: true}), after[1:]
			default:
				parts, body = append(parts, part{glob: anyName}, part{deep: true}), after[2:]
			}
			continue
		}
		tokens, rest, more, err := scan(body)
		if err == nil && len(tokens) == 0 {
			err = errEmptyName
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{glob: fold(tokens)})
		if !more {
			return parts, nil
		}
		body = rest
	}
}

// cutDeep cuts a run of two or more stars that fills the first component;
// after is empty or begins with the slash, escaped or not.
func cutDeep(body string) (after string, found bool) {
	after = strings.TrimLeft(body, "*")
	if len(body)-len(after) < 2 {
		return "", false
	}
	return after, after == "" || after[0] == '/' || strings.HasPrefix(after, `\/`)
}

// matchPath walks pattern and path side by side. On a mismatch the last deep
// part takes one component more and the walk goes on behind it; an earlier
// deep part never needs another try, for what it could reach the last one
// reaches too. So no pair of part and component is compared more than once
// per deep part in force.
func matchPath(parts []part, path string) bool {
	at, pos := 0, 0            // part, and where the component begins
	againAt, againPos := -1, 0 // where to go on after a mismatch
	for pos <= len(path) {
		if at < len(parts) && parts[at].deep {
			at++
			againAt, againPos = at, pos
			continue
		}
		end := componentEnd(path, pos)
		if at < len(parts) && parts[at].glob.match(path[pos:end]) {
			at, pos = at+1, end+1
			continue
		}
		if againAt < 0 {
			return false
		}
		againPos = componentEnd(path, againPos) + 1
		at, pos = againAt, againPos
	}
	return at == len(parts)
}

// componentEnd is the index behind the component that begins at pos.
func componentEnd(path string, pos int) int {
	if i := strings.IndexByte(path[pos:], '/'); i >= 0 {
		return pos + i
	}
	return len(path)
}
