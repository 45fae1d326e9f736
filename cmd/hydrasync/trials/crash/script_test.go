package crash

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// source is the tree that the capitol watches. Its methods are the operations
// of the script; the first error stays.
type source struct {
	root string
	err  error
}

func (s *source) at(name string) string { return filepath.Join(s.root, name) }

func (s *source) must(err error) {
	if s.err == nil {
		s.err = err
	}
}

// put writes a file, or a new version of it, so that its name never leads to less than
// all of it: what a busy machine does to a writer between two calls is not tried here.
func (s *source) put(name, id string, version, size int, mode uint32) {
	s.write("../new", id, version, size, mode)
	s.mv("../new", name)
}

// write does it in its place.
func (s *source) write(name, id string, version, size int, mode uint32) {
	b := claim{id: id, version: version, mode: mode}.sealed(filler(uint64(version*1000+len(id)*7+size), size))
	if mode == 0 {
		mode = 0o644
	}
	s.must(os.WriteFile(s.at(name), b, os.FileMode(mode)))
}

// rewrite writes another version over one of the same size, in one call.
func (s *source) rewrite(name, id string, version, size int, mode uint32) {
	f, err := os.OpenFile(s.at(name), os.O_WRONLY, 0)
	if err != nil {
		s.must(err)
		return
	}
	_, err = f.WriteAt(claim{id: id, version: version, mode: mode}.sealed(filler(uint64(version*1000+len(id)*7+size), size)), 0)
	s.must(err)
	s.must(f.Close())
}

func (s *source) mv(from, to string)     { s.must(os.Rename(s.at(from), s.at(to))) }
func (s *source) mkdir(name string)      { s.must(os.Mkdir(s.at(name), 0o755)) }
func (s *source) rm(name string)         { s.must(os.Remove(s.at(name))) }
func (s *source) rmAll(name string)      { s.must(os.RemoveAll(s.at(name))) }
func (s *source) link(to, name string)   { s.must(os.Symlink(to, s.at(name))) }
func (s *source) hard(from, name string) { s.must(os.Link(s.at(from), s.at(name))) }

func (s *source) chmod(name string, mode os.FileMode) { s.must(os.Chmod(s.at(name), mode)) }

func (s *source) swap(a, b string) {
	s.must(unix.Renameat2(unix.AT_FDCWD, s.at(a), unix.AT_FDCWD, s.at(b), unix.RENAME_EXCHANGE))
}

func (s *source) attribute(name, key, value string) {
	err := unix.Lsetxattr(s.at(name), key, []byte(value), 0)
	if value == "" {
		err = unix.Lremovexattr(s.at(name), key)
	}
	if err != unix.ENOTSUP && err != unix.ENODATA {
		s.must(err)
	}
}

func (s *source) grow(name string, from, to int) {
	f, err := os.OpenFile(s.at(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		s.must(err)
		return
	}
	_, err = f.WriteString(logText(from, to))
	s.must(err)
	s.must(f.Close())
}

// big replaces a large file by one that is mostly the same.
func (s *source) big(name string, version int) {
	body := filler(1, 1_300_000)
	if version > 1 {
		copy(body[700_000:], filler(uint64(version), 100_000))
		body = append(body[:1_200_000:1_200_000], append(filler(uint64(version)+50, 333), body[1_200_000:]...)...)
	}
	s.must(os.WriteFile(s.at("../new"), claim{id: "big", version: version, mode: 0o640}.sealed(body), 0o640))
	s.mv("../new", name)
}

const sparseSize = 3 << 20

// sparse is mostly a hole.
func (s *source) sparse(name string, version int) {
	body := make([]byte, sparseSize)
	copy(body[100:], filler(uint64(version), 5000))
	copy(body[2<<20:], filler(uint64(version)+9, 70_000))
	b := claim{id: "sparse", version: version, mode: 0o600}.sealed(body)
	f, err := os.OpenFile(s.at("../new"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		s.must(err)
		return
	}
	s.must(f.Truncate(int64(len(b))))
	const island = 64 << 10
	for at := 0; at < len(b); at += island {
		part := b[at:min(at+island, len(b))]
		if at > 0 && at+island < len(b) && len(part) == island && allZero(part) {
			continue
		}
		_, err := f.WriteAt(part, int64(at))
		s.must(err)
	}
	s.must(f.Close())
	s.mv("../new", name)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// phase is a group of operations after which the world waits for the city.
type phase struct {
	name string
	do   func(*source)
}

// marker is written at the end of each phase.
const marker = "marker"

// script is what happens to the source, all operations that there are.
var script = []phase{
	{"the first tree", firstTree},
	{"create", create},
	{"replace, append, dress", replace},
	{"move", move},
	{"change types", changeTypes},
	{"large files and links", large},
	{"remove", remove},
	{"all at once", burst},
}

// do runs the i-th phase.
func (s *source) do(i int) error {
	script[i].do(s)
	s.put(marker, marker, i+1, 20, 0o644)
	return s.err
}

func firstTree(s *source) {
	for _, d := range []string{"keep", "d1", "d1/d2", "d1/d2/d3", "gone", "gone/deep", "gone/deep/er", "rdir", "was-dir", "was-dir/in"} {
		s.mkdir(d)
	}
	for i, name := range []string{"keep/f1", "keep/f2", "keep/f3", "d1/a", "d1/d2/b", "d1/d2/d3/c", "gone/x", "gone/deep/y", "gone/deep/er/z",
		"rdir/f", "was-dir/f", "was-dir/in/f", "was-file", "was-file-too", "r1", "r2", "one", "moved"} {
		s.put(name, "id-"+name, 1, 100+i*50, 0o644)
	}
	s.put("private", "private", 1, 30_000, 0o600)
	s.put("dressed", "dressed", 1, 400, 0)
	s.put("h1", "hard", 1, 500, 0o640)
	s.hard("h1", "h2")
	s.hard("h1", "keep/h3")
	s.link("keep/f1", "to-file")
	s.link("nowhere/at all", "was-link")
	s.grow("app.log", 0, 200)
	s.big("big", 1)
	s.sparse("sparse", 1)
	s.must(os.WriteFile(s.at("empty"), nil, 0o644))
}

func create(s *source) {
	s.write("new", "new", 1, 2000, 0o755)
	s.mkdir("newdir")
	s.mkdir("newdir/sub")
	s.put("newdir/f", "newdir-f", 1, 10_000, 0o600)
	s.put("newdir/sub/g", "newdir-g", 1, 10, 0o644)
	s.link("../new", "newdir/link")
	s.hard("newdir/f", "newdir/f2")
	s.put("newdir/copy", "new", 1, 2000, 0o755) // content that the city has
	s.put("newdir/line\nbreak \xff", "odd", 1, 77, 0o644)
}

func replace(s *source) {
	s.put("keep/f1", "id-keep/f1", 2, 900, 0o644)
	s.rewrite("keep/f2", "id-keep/f2", 2, 150, 0o644)
	s.grow("app.log", 200, 300)
	s.chmod("dressed", 0o751)
	s.chmod("keep", 0o700)
	s.attribute("dressed", "user.one", "1")
	s.attribute("rdir", "user.two", "22")
	s.must(os.Chtimes(s.at("d1/a"), time.Time{}, time.Unix(1_600_000_000, 123_456_789)))
	if os.Getuid() == 0 {
		s.must(os.Lchown(s.at("dressed"), 1234, 4321))
		s.must(os.Lchown(s.at("to-file"), 1234, 4321))
	}
	s.rewrite("h2", "hard", 2, 500, 0o640) // and so all three names
}

func move(s *source) {
	s.mv("moved", "keep/moved-here")
	s.mv("rdir", "rdir-new")
	s.swap("r1", "r2")
	s.mv("d1/d2", "d2") // a directory beneath its former child
	s.mv("d1", "d2/d3/d1")
	s.mv("to-file", "newdir/to-file")
	s.mv("newdir/sub", "sub")
}

func changeTypes(s *source) {
	s.rm("was-file")
	s.mkdir("was-file")
	s.put("was-file/f", "was-file-f", 1, 300, 0o644)
	s.rmAll("was-dir")
	s.put("was-dir", "was-dir", 1, 300, 0o600)
	s.rm("was-link")
	s.put("was-link", "was-link", 1, 70, 0o644)
	s.rm("was-file-too")
	s.link("keep", "was-file-too")
	s.rmAll("sub")
	s.link("d2", "sub")
}

func large(s *source) {
	s.big("big", 2)
	s.sparse("sparse", 2)
	s.rm("h1") // leaves the group
	s.put("h1", "hard-alone", 1, 500, 0o640)
	s.hard("keep/f3", "h4") // joins one
	s.put("private", "private", 2, 30_000, 0o400)
	s.attribute("dressed", "user.one", "")
	s.attribute("dressed", "user.three", "333")
}

func remove(s *source) {
	s.rm("one")
	s.rmAll("gone")
	s.rm("newdir/link")
	s.rm("h2")
	s.rmAll("was-file")
	s.rm("empty")
}

func burst(s *source) {
	s.mv("d2", "d9")
	s.put("d9/b", "id-d1/d2/b", 2, 444, 0o644)
	s.mkdir("d2")
	s.put("d2/b", "second-b", 1, 444, 0o644)
	s.mv("d9/d3/d1", "d1")
	s.rmAll("d9/d3")
	s.swap("keep", "newdir")
	s.mv("big", "keep/big")
	s.grow("app.log", 300, 330)
	s.mv("app.log", "app.log.1")
	s.put("app.log.2", "after", 1, 100, 0o644)
	s.chmod("d1", 0o711)
	s.mv("r1", "r3")
	s.mv("r2", "r1")
	s.mv("r3", "r2")
}
