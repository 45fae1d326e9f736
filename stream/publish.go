package stream

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// tenure is how long a tree is served: from Publish until it is withdrawn and
// nobody uses it any more.
type tenure struct {
	life context.Context
	end  context.CancelFunc

	users int // guarded by the server's mutex, as what follows
	over  bool
	idle  chan struct{} // closed when it is over and there are no users
}

// Publish serves one more tree from now on. Withdraw ends what is being sent of
// it and returns when nobody reads it any more; it may be called twice.
func (s *Server) Publish(one Tree) (withdraw func(), err error) {
	if err := checkTree(one); err != nil {
		return nil, err
	}
	t := &tree{Tree: one, codec: s.codec, shares: make(map[string]*share), tenure: tenure{idle: make(chan struct{})}}
	t.life, t.end = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trees[one.Name] != nil {
		t.end()
		return nil, fmt.Errorf("tree %s is given twice", Display(one.Name))
	}
	s.trees[one.Name] = t
	return sync.OnceFunc(func() { s.withdraw(t) }), nil
}

func (s *Server) withdraw(t *tree) {
	s.mu.Lock()
	delete(s.trees, t.Name)
	t.over = true
	if t.users == 0 {
		close(t.idle)
	}
	s.mu.Unlock()
	t.end()
	<-t.idle
}

// use finds a tree and keeps it from going away until done is called.
func (s *Server) use(name string) (t *tree, done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok = s.trees[name]; !ok {
		return nil, nil, false
	}
	return t, s.useMore(t), true
}

func (s *Server) useMore(t *tree) (done func()) {
	t.users++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 && t.over {
			close(t.idle)
		}
	}
}

// linger keeps a tree that is in use for something that outlives its request.
func (s *Server) linger(t *tree) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useMore(t)
}

// Expect names the trees that are to be served here, also while one of them is
// not: who asks for that is told to come again, and not that there is none.
func (s *Server) Expect(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = names
}

func (s *Server) expects(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.expected, name)
}

type treeKey struct{}

// ofTree finds the tree that a request names; the request ends with the tree.
func (s *Server) ofTree(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, done, ok := s.use(r.PathValue("name"))
		if !ok {
			next(w, r)
			return
		}
		defer done()
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), treeKey{}, t))
		defer cancel()
		cut := make(chan struct{})
		stop := context.AfterFunc(t.life, func() {
			defer close(cut)
			cancel()
			// Who is slow to take what was written meanwhile gets no more of it.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // fails only for a hijacked connection, which its subscription ends
		})
		defer func() {
			if !stop() {
				<-cut
			}
		}()
		next(w, r.WithContext(ctx))
	}
}

// named finds the tree that a request is about and what its caller may have of
// it, or refuses it. What is not granted is not there.
func (s *Server) named(w http.ResponseWriter, r *http.Request) (*tree, reach, bool) {
	t, ok := r.Context().Value(treeKey{}).(*tree)
	var may reach
	if ok {
		may, ok = passOf(r.Context()).of(t.Name)
	}
	name := r.PathValue("name")
	if _, granted := passOf(r.Context()).of(name); granted && t == nil && s.expects(name) {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "tree "+Display(name)+" is not served at the moment", "come again")
		return nil, reach{}, false
	}
	if !ok {
		s.cfg.Visitors.Refused(Refusal{City: passOf(r.Context()).City, Tree: clip(name, MaxTreeName), Remote: s.guard.remote(r), Reason: "no tree of that name, or none of it is granted"})
		refuse(w, http.StatusNotFound, "no tree named "+Display(clip(r.PathValue("name"), MaxTreeName)),
			"GET /v1/trees lists what there is")
	}
	return t, may, ok
}

// Names are those of all trees, sorted.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.trees), strings.Compare)
}
