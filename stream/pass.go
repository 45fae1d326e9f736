package stream

import (
	"context"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

// Gate knows who may come, and with what.
type Gate interface {
	// Admit gives the pass of who sends a credential, or an [*UnfitError].
	// Any other error says nothing of the credential: the caller may come again.
	Admit(ctx context.Context, credential string) (*Pass, error)
	// Join trades a join code for a credential, once; it fails as Admit does. The city has drawn the
	// credential, and may come again with the same two; "" lets the gate draw one.
	Join(ctx context.Context, code, credential string) (Joined, error)
}

// UnfitError is why somebody is not let in: for the capitol's log. The caller
// learns that he is not, and nothing else.
type UnfitError struct {
	City   string // whose it is or was, if that is known
	Reason string
}

// Error is the reason.
func (e *UnfitError) Error() string { return e.Reason }

// Pass is what somebody may have, for as long as it holds.
type Pass struct {
	City   string // by which the ledger knows it; "" for who holds the token that all share, or asks an open capitol
	grants []ledger.Grant
	life   context.Context
}

// NewPass gives a pass and what ends it: all that it let in is cut off then.
func NewPass(city string, grants []ledger.Grant) (p *Pass, end func()) {
	life, end := context.WithCancel(context.Background())
	return &Pass{City: city, grants: grants, life: life}, end
}

// unlimited is the pass of everybody else.
var unlimited = &Pass{grants: ledger.Everything(), life: context.Background()}

// whenOver calls do, in a goroutine of its own, when the pass ends, unless forget was
// called before; forget waits for do, if that has begun.
func (p *Pass) whenOver(do func()) (forget func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(p.life, func() { defer close(done); do() })
	return func() {
		if !stop() {
			<-done
		}
	}
}

// errOver ends what a pass has let in: who comes again learns what holds now.
var errOver = &ownFault{fault{Code: CodeGrant, Text: "the capitol has changed what this city may have"}}

// reach is what of a tree somebody may have.
type reach struct {
	whole bool
	dirs  []string // else these, and all beneath them
}

// of is the reach into a tree; false if it is as if there were no such tree.
func (p *Pass) of(tree string) (r reach, ok bool) {
	for _, g := range p.grants {
		if g.Tree != "" && g.Tree != tree {
			continue
		}
		ok = true
		r.whole = r.whole || len(g.SubDirs) == 0
		r.dirs = append(r.dirs, g.SubDirs...)
	}
	return r, ok
}

// has says that a path is within reach. A directory on the way to what is within is not.
func (r reach) has(path string) bool {
	return r.whole || slices.ContainsFunc(r.dirs, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
}

// sees says that a path's name and state may be known: it is within, or on the way.
func (r reach) sees(path string) bool {
	return r.has(path) || path == "" || slices.ContainsFunc(r.dirs, func(dir string) bool { return strings.HasPrefix(dir, path+"/") })
}

// whole is the reach of a hello's sub_dirs.
func whole(subDirs []string) reach { return reach{whole: len(subDirs) == 0, dirs: subDirs} }

// covers says that all of these sub_dirs are within; none are the whole tree.
func (r reach) covers(subDirs []string) bool {
	if len(subDirs) == 0 {
		return r.whole
	}
	return !slices.ContainsFunc(subDirs, func(dir string) bool { return !r.has(dir) })
}

// String is for people.
func (r reach) String() string {
	if r.whole {
		return "the whole tree"
	}
	var names []string
	for _, dir := range r.dirs {
		names = append(names, Display(dir))
	}
	return strings.Join(names, ", ")
}

type passKey struct{}

func withPass(ctx context.Context, p *Pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// passOf is the pass that a guarded request came with.
func passOf(ctx context.Context) *Pass {
	if p, ok := ctx.Value(passKey{}).(*Pass); ok {
		return p
	}
	return &Pass{life: context.Background()} // of nobody, for nothing
}

// CallerOf is the city whose credential a guarded request came with; "" for who
// holds the token that all share, or asks an open capitol.
func CallerOf(ctx context.Context) string { return passOf(ctx).City }
