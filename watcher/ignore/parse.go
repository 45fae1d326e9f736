package ignore

import "strings"

// Parse reads patterns from a list, one a string, as flags and config files
// hand them over. Blank strings and comments are skipped, as in a file. The
// error is a [*ParseError].
func Parse(lines []string) (*Rules, error) {
	rules := &Rules{}
	for i, line := range lines {
		if strings.Contains(line, "\n") {
			return nil, &ParseError{Given, i + 1, "a pattern holds a line end",
				"give one pattern at a time; for a name that holds a line end write ? in its place"}
		}
		if err := rules.addLine(Given, i+1, line); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// ParseFile reads the content of a pattern file; source is the name that
// errors and [Rules.Explain] give it. The error is a [*ParseError].
func ParseFile(source string, content []byte) (*Rules, error) {
	text := strings.TrimPrefix(string(content), "\ufeff") // as git: one byte order mark is no part of the first pattern
	rules, line := &Rules{}, 0
	for raw := range strings.SplitSeq(text, "\n") {
		line++
		if err := rules.addLine(source, line, raw); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// addLine appends the rule that a line holds, if it holds one.
func (r *Rules) addLine(source string, number int, line string) error {
	if strings.HasPrefix(line, "#") {
		return nil
	}
	if strings.Contains(line, "\x00") {
		return &ParseError{source, number, "a NUL byte, which no name can hold",
			"write the patterns as plain text; a UTF-16 file is to be saved as UTF-8"}
	}
	line = trimBlanks(strings.TrimSuffix(line, "\r"))
	if line == "" {
		return nil
	}
	rule, body := cut(line)
	rule.Source, rule.Line = source, number
	compiled, _ := compile(body) // as git: malformed patterns match nothing; see Doubts
	r.rules = append(r.rules, rule)
	r.matchers = append(r.matchers, matcher{
		negated: rule.Negated,
		dirOnly: rule.DirOnly,
		pattern: compiled,
	})
	return nil
}

// trimBlanks removes blanks (not tabs) from the end, except one that a
// backslash protects.
func trimBlanks(line string) string {
	keep := 0
	for i := 0; i < len(line); i++ {
		if line[i] == ' ' {
			continue
		}
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		keep = i + 1
	}
	return line[:keep]
}

// cut takes the marks for negation and directories from a line; what is left
// is the pattern's body.
func cut(line string) (Rule, string) {
	body, negated := strings.CutPrefix(line, "!")
	body, dirOnly := strings.CutSuffix(body, "/")
	return Rule{Pattern: line, Negated: negated, DirOnly: dirOnly}, body
}
