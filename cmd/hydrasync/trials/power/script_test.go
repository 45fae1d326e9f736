package power

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// script changes a source in every way that a person could, in steps that are
// confirmed one by one.
type script struct {
	t    *testing.T
	src  string
	see  func() // called after each single act
	rng  *rand.Rand
	n    int
	tick int64
}

// step is a part of the script. moves says that names go from one thing to another.
type step struct {
	name  string
	moves bool
	do    func(*script)
}

// bytes are different each time, and say what they are.
func (s *script) bytes(size int) []byte {
	s.n++
	line := fmt.Appendf(nil, "version %d of %d bytes, %x\n", s.n, size, s.rng.Uint64())
	return bytes.Repeat(line, size/len(line)+1)[:size]
}

func (s *script) at(path string) string { return filepath.Join(s.src, path) }

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	s.see()
}

// write makes or replaces a file by a rename from outside the tree.
func (s *script) write(path string, size int) {
	s.t.Helper()
	temp := s.src + ".new"
	if err := os.WriteFile(temp, s.bytes(size), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.tick++
	then := time.Unix(1_700_000_000+s.tick, 123_456_789)
	if err := os.Chtimes(temp, then, then); err != nil {
		s.t.Fatal(err)
	}
	s.must(os.Rename(temp, s.at(path)))
}

// aside makes a file outside of the tree.
func (s *script) aside(path string, size int) {
	s.t.Helper()
	path = s.src + "." + path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, s.bytes(size), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// edit writes into the file as it lies there.
func (s *script) edit(path string, at int64, size int) {
	s.t.Helper()
	f, err := os.OpenFile(s.at(path), os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = f.WriteAt(s.bytes(size), at)
	s.must(err)
	s.must(f.Close())
}

func (s *script) append(path string, size int) {
	s.t.Helper()
	f, err := os.OpenFile(s.at(path), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	s.must(err)
	_, err = f.Write(s.bytes(size))
	s.must(err)
	s.must(f.Close())
}

func (s *script) mkdir(path string)    { s.t.Helper(); s.must(os.MkdirAll(s.at(path), 0o755)) }
func (s *script) move(from, to string) { s.t.Helper(); s.must(os.Rename(s.at(from), s.at(to))) }
func (s *script) remove(path string)   { s.t.Helper(); s.must(os.RemoveAll(s.at(path))) }
func (s *script) link(to, path string) { s.t.Helper(); s.must(os.Symlink(to, s.at(path))) }
func (s *script) chmod(path string, mode os.FileMode) {
	s.t.Helper()
	s.must(os.Chmod(s.at(path), mode))
}

// plant is what is there before the city comes.
func (s *script) plant() {
	for d := range 4 {
		s.mkdir(fmt.Sprintf("d%d/sub", d))
		for f := range 6 {
			s.write(fmt.Sprintf("d%d/f%d", d, f), 500+1700*f)
		}
		s.write(fmt.Sprintf("d%d/sub/deep", d), 9000)
	}
	s.append("app.log", 700)
	s.write("big", 1<<20)
}

// steps are all kinds of operations.
func steps() []step {
	return []step{
		{"a new file", false, func(s *script) { s.write("new", 3000) }},
		{"replace", false, func(s *script) { s.write("d0/f0", 3000) }},
		{"replace again", false, func(s *script) { s.write("d0/f0", 3100) }},
		{"append", false, func(s *script) { s.append("app.log", 333) }},
		{"append more", false, func(s *script) { s.append("app.log", 5000) }},
		{"edit a big file", false, func(s *script) { s.edit("big", 300_000, 5000) }},
		{"delete", false, func(s *script) { s.remove("d0/f1") }},
		{"rename a file", true, func(s *script) { s.move("d0/f2", "d1/moved") }},
		{"rename a directory", true, func(s *script) { s.move("d1", "e1") }},
		{"rename into another", true, func(s *script) { s.move("d2", "e1/d2") }},
		{"swap two names", true, func(s *script) {
			s.move("d3/f0", "d3/swap")
			s.move("d3/f1", "d3/f0")
			s.move("d3/swap", "d3/f1")
		}},
		{"a file becomes a directory", true, func(s *script) {
			s.remove("new")
			s.mkdir("new/in")
			s.write("new/in/side", 4000)
		}},
		{"a directory becomes a file", true, func(s *script) {
			s.remove("e1/d2/sub")
			s.write("e1/d2/sub", 4000)
		}},
		{"a link", false, func(s *script) { s.link("d0/f0", "link") }},
		{"a link leads elsewhere", true, func(s *script) { s.remove("link"); s.link("big", "link") }},
		{"a hard link", false, func(s *script) { s.must(os.Link(s.at("d0/f3"), s.at("d0/hard"))) }},
		{"modes", false, func(s *script) { s.chmod("d0/f4", 0o600); s.chmod("d0", 0o700) }},
		{"times", false, func(s *script) { s.must(os.Chtimes(s.at("d0/f5"), time.Unix(1e9, 5), time.Unix(1e9, 5))) }},
		{"many small files", false, func(s *script) {
			s.mkdir("many")
			for i := range 80 {
				s.write(fmt.Sprint("many/", i), 100+i*50)
			}
		}},
		{"a directory full of files moves in", false, func(s *script) {
			for i := range 100 { // more than are flushed one by one
				s.aside(fmt.Sprint("full/", i), 300+i*20)
			}
			s.must(os.Rename(s.src+".full", s.at("full")))
		}},
		{"a few of many", false, func(s *script) {
			for i := range 10 {
				s.write(fmt.Sprint("many/", i*7), 2000)
			}
		}},
		{"replace a big file", false, func(s *script) { s.write("big", 1<<20+77) }},
		{"a directory with all goes", false, func(s *script) { s.remove("many") }},
		{"a name comes back", false, func(s *script) { s.write("d0/f1", 2222) }},
		{"an empty file", false, func(s *script) { s.write("empty", 0) }},
		{"append after all", false, func(s *script) { s.append("app.log", 50_000) }},
		{"the log turns", true, func(s *script) { s.move("app.log", "app.log.1"); s.append("app.log", 60) }},
	}
}

// random makes more of them, from a seed.
func random(n int) (list []step) {
	for range n {
		list = append(list, step{"random", true, func(s *script) {
			for range 1 + s.rng.IntN(4) {
				s.act()
			}
		}})
	}
	return list
}

func (s *script) act() {
	dir := fmt.Sprint("r", s.rng.IntN(3))
	s.mkdir(dir)
	name := func() string { return fmt.Sprintf("%s/n%d", dir, s.rng.IntN(5)) }
	switch path := name(); s.rng.IntN(6) {
	case 0, 1, 2:
		s.remove(path)
		s.write(path, s.rng.IntN(20_000))
	case 3:
		s.remove(path)
	case 4:
		to := name()
		if _, err := os.Lstat(s.at(path)); err == nil && to != path {
			s.remove(to)
			s.move(path, to)
		}
	case 5:
		to := fmt.Sprint("r", s.rng.IntN(3))
		if to != dir {
			s.remove(to + "/sub")
			s.mkdir(to)
			s.move(dir, to+"/sub")
		}
	}
}
