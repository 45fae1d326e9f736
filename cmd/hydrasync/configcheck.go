package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
	"github.com/hydrasync/hydrasync/journal"
)

// problem is what a config file cannot mean, at one key.
type problem struct {
	key     string // "highway.1.to": the table, its number where it repeats, the key
	text    string
	instead string
}

// problem is the first one there is, nil if there is none.
func (c *fileConf) problem() *problem {
	if len(c.Trees)+len(c.Highways) == 0 && c.Registry.From == "" {
		return &problem{"", "nothing to run", "write a [[tree]], a [[highway]] or a [registry]; hydrasync config dump shows them"}
	}
	for _, check := range []func() *problem{c.machineProblem, c.blockProblem, c.placesProblem, c.circleProblem} {
		if p := check(); p != nil {
			return p
		}
	}
	if !c.serves() {
		return nil
	}
	return c.Serve.problem()
}

// blockProblem is about each block, and about names that two of one machine have.
func (c *fileConf) blockProblem() *problem {
	names := map[plan.Stop]string{}
	for i := range c.Trees {
		t, at := &c.Trees[i], fmt.Sprintf("tree.%d.", i)
		if p := t.problem(at); p != nil {
			return p
		}
		if p := once(names, c.stop(t.Capitol, t.Name), t.Name, at+"name", "the name of two trees"); p != nil {
			return p
		}
	}
	for i := range c.Highways {
		h, at := &c.Highways[i], fmt.Sprintf("highway.%d.", i)
		if p := h.problem(at); p != nil {
			return p
		}
		if h.ServeAs == "" {
			continue
		}
		if p := once(names, c.stop(h.City, h.ServeAs), h.ServeAs, at+"serve_as", "the name of two trees"); p != nil {
			return p
		}
	}
	return nil
}

// once refuses what was there before.
func once[T comparable](seen map[T]string, value T, name, key, what string) *problem {
	if _, again := seen[value]; again {
		return &problem{key, fmt.Sprintf("%q is %s", name, what), "each needs one of its own"}
	}
	seen[value] = key
	return nil
}

func (t *treeConf) problem(at string) *problem {
	switch {
	case t.Name == "":
		return &problem{at, "a tree without a name", `write name = "site"`}
	case !journal.ValidName(t.Name) || strings.HasPrefix(t.Name, "."):
		return &problem{at + "name", fmt.Sprintf("%q is no name of a tree", t.Name), "one path component that does not begin with a dot"}
	case !filepath.IsAbs(t.Dir):
		return &problem{at + "dir", fmt.Sprintf("dir %q is not an absolute path", t.Dir), `write dir = "/srv/site"`}
	case t.MaxWait < t.Debounce:
		return &problem{at + "max_wait", fmt.Sprintf("max_wait %s is shorter than debounce %s", t.MaxWait.String(), t.Debounce.String()),
			"write max_wait = \"" + time.Second.String() + "\" or more"}
	}
	return nil
}

func (h *highwayConf) problem(at string) *problem {
	if p := h.Sources.problem(at); p != nil {
		return p
	}
	switch {
	case !filepath.IsAbs(h.To):
		return &problem{at + "to", fmt.Sprintf("to %q is not an absolute path", h.To), `write to = "/srv/copy"`}
	case h.ServeAs != "" && !journal.ValidName(h.ServeAs):
		return &problem{at + "serve_as", fmt.Sprintf("%q is no name of a tree", h.ServeAs), "one path component"}
	}
	if p := h.boundsConf.problem(at); p != nil {
		return p
	}
	if p := h.proxyProblem(at); p != nil {
		return p
	}
	if p := h.whenProblem(at); p != nil {
		return p
	}
	for _, dir := range h.SubDirs {
		if filepath.IsAbs(dir) || !filepath.IsLocal(dir) {
			return &problem{at + "sub_dirs", fmt.Sprintf("%q is not a path inside the tree", dir), `relative and without "..": sub_dirs = ["docs/en"]`}
		}
	}
	return nil
}

func (s *serveConf) problem() *problem {
	if p := s.certificateProblem(); p != nil {
		return p
	}
	if p := s.mannersProblem("serve."); p != nil {
		return p
	}
	token, err := readToken("")
	if err != nil {
		return nil // told when it is read
	}
	if err := s.exposure(s.TokenFile != "" || token != "").Check(); err != nil {
		return &problem{"serve.listen", err.Error(), hintOf(err)}
	}
	return nil
}

// mannersProblem is about what cities get together.
func (s *serveConf) mannersProblem(at string) *problem {
	if s.MaxBusy < 0 {
		return &problem{at + "max_cities_transferring", fmt.Sprintf("max_cities_transferring is %d", s.MaxBusy), "write max_cities_transferring = 10; 0 is all at once"}
	}
	return s.Limit.problem(at + "limit")
}

// certificateProblem is about what a certificate comes from.
func (s *serveConf) certificateProblem() *problem {
	ways := 0
	for _, given := range []bool{s.TLSCert != "" || s.TLSKey != "", s.PemFile != "", s.ACME != "", s.BehindProxy} {
		if given {
			ways++
		}
	}
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return &problem{"serve.tls_cert", "a certificate and its key belong together: tls_cert and tls_key", "give both or neither; pem_file is one file with both"}
	case ways > 1:
		return &problem{"serve.tls_cert", "the certificate can come from one place only: tls_cert and tls_key, pem_file, acme, or behind_proxy", "leave the others out"}
	case s.ACME == "" && (s.ACMEEmail != "" || s.ACMEDirectory != "" || s.ACMEHTTP != ""):
		return &problem{"serve.acme_email", "an authority without a name that it should vouch for", `write acme = "capitol.example"`}
	}
	return nil
}

// lineOf finds where a config file says something: the key, or its table, or line 1.
func lineOf(text []byte, key string) int {
	p := unstable.Parser{}
	p.Reset(text)
	table, repeats := "", map[string]int{}
	best := 1
	for p.NextExpression() {
		e := p.Expression()
		var names []string
		var offset uint32
		for it := e.Key(); it.Next(); {
			names, offset = append(names, string(it.Node().Data)), it.Node().Raw.Offset
		}
		name := strings.Join(names, ".")
		switch e.Kind {
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s.%d.", name, repeats[name])
			repeats[name]++
			name = table
		case unstable.Table:
			table = name + "."
			name = table
		default:
			name = table + name
		}
		if name == key || strings.HasSuffix(name, ".") && strings.HasPrefix(key, name) {
			best = 1 + strings.Count(string(text[:offset]), "\n")
		}
	}
	return best
}
