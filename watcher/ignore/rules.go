package ignore

import (
	"slices"
	"strings"
)

// Rules are patterns in order. They never change, so any number of goroutines
// may ask them. A nil *Rules ignores nothing.
type Rules struct {
	rules    []Rule
	matchers []matcher // same index
}

// matcher is the part of a rule that matching looks at.
type matcher struct {
	negated bool
	dirOnly bool
	pattern pattern
}

// Join puts sources one after another: where two speak of a path, the later
// source wins. A nil source is an empty one.
func Join(sources ...*Rules) *Rules {
	all := &Rules{}
	for _, s := range sources {
		if s != nil {
			all.rules = append(all.rules, s.rules...)
			all.matchers = append(all.matchers, s.matchers...)
		}
	}
	return all
}

// Empty says that there is no rule at all.
func (r *Rules) Empty() bool { return r == nil || len(r.matchers) == 0 }

// Match says whether path is ignored, provided that none of its parents is: a
// walker that goes from the top and does not enter what is ignored asks this.
// The root itself ("" or ".") is never ignored.
func (r *Rules) Match(path string, isDir bool) bool {
	i := r.last(path, isDir)
	return i >= 0 && !r.matchers[i].negated
}

// Ignored says whether path is ignored, by itself or because one of its parents
// is: beneath an ignored directory everything is ignored, and no rule brings
// anything back.
func (r *Rules) Ignored(path string, isDir bool) bool {
	i := r.decider(path, isDir)
	return i >= 0 && !r.matchers[i].negated
}

// Explain returns the rule that decided on path, which may have matched one of
// its parents. If that rule is Negated the path is kept. Without a rule (false)
// it is kept too.
func (r *Rules) Explain(path string, isDir bool) (Rule, bool) {
	i := r.decider(path, isDir)
	if i < 0 {
		return Rule{}, false
	}
	return r.rules[i], true
}

// Equal says whether both hold the same patterns in the same order, so that
// they decide alike. Comments, and where a pattern was written, do not count.
func (r *Rules) Equal(other *Rules) bool {
	return slices.EqualFunc(r.List(), other.List(), func(a, b Rule) bool {
		return a.Pattern == b.Pattern
	})
}

// List is the rules in order. The caller may keep it but not change it.
func (r *Rules) List() []Rule {
	if r == nil {
		return nil
	}
	return slices.Clip(r.rules)
}

// decider is the index of the rule that decides on path, parents first; -1
// if there is none.
func (r *Rules) decider(path string, isDir bool) int {
	for pos := 0; ; pos++ {
		if pos = componentEnd(path, pos); pos == len(path) {
			return r.last(path, isDir)
		}
		if i := r.last(path[:pos], true); i >= 0 && !r.matchers[i].negated {
			return i
		}
	}
}

// last is the index of the last rule that matches path by itself; -1 if there
// is none.
func (r *Rules) last(path string, isDir bool) int {
	if r == nil || path == "" || path == "." {
		return -1
	}
	base := path[strings.LastIndexByte(path, '/')+1:]
	for i := len(r.matchers) - 1; i >= 0; i-- {
		m := &r.matchers[i]
		if (isDir || !m.dirOnly) && m.pattern.match(path, base) {
			return i
		}
	}
	return -1
}
