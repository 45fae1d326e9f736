package beneath

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is an open directory that nothing done through it leaves. Its methods
// may be called at once; Close only when nobody uses it.
type Root struct {
	top  *Dir
	walk bool // no openat2 here
}

// Open opens the directory at path, which may lead over links: it is the
// administrator's word, not the peer's. calls may be nil; so may kernel, which is [Linux] then.
func Open(path string, kernel Kernel, calls Calls) (*Root, error) {
	if kernel == nil {
		kernel = Linux{}
	}
	var fd int
	err := again(func() (err error) {
		fd, err = kernel.Open(path)
		return err
	})
	if err != nil {
		return nil, fail("open", path, err)
	}
	r := &Root{top: &Dir{&system{kernel, calls}, fd}}
	probe, err := kernel.OpenBeneath(fd, ".")
	if r.walk = err != nil; !r.walk {
		kernel.Close(probe)
	}
	return r, nil
}

// Leads looks at what is at a path now, which may lead over links.
func (r *Root) Leads(path string) (st Stat, err error) {
	err = again(func() error {
		st, err = r.top.sys.kernel.Find(path)
		return err
	})
	return st, fail("stat", path, err)
}

// ReadOnly says whether the file system at a path is mounted so.
func (r *Root) ReadOnly(path string) bool { return r.top.sys.kernel.ReadOnly(path) }

// Sub opens a root at a path beneath this one.
func (r *Root) Sub(rel string) (*Root, error) {
	d, err := r.Dir(rel)
	if err != nil {
		return nil, err
	}
	return &Root{top: d, walk: r.walk}, nil
}

// Walking makes the root open component by component, as on a kernel without
// openat2. For tests of that way.
func (r *Root) Walking() { r.walk = true }

// Top is the root directory itself. It must not be closed.
func (r *Root) Top() *Dir { return r.top }

// Close gives the descriptor back.
func (r *Root) Close() error { return r.top.Close() }

// longest is what one call takes: PATH_MAX (<linux/limits.h>) with its NUL.
const longest = unix.PathMax - 1

// Dir opens a directory by its path relative to the root; "" is the root. The
// caller closes it. A symbolic link anywhere gives ELOOP or ENOTDIR.
func (r *Root) Dir(rel string) (*Dir, error) {
	if rel == "" {
		return r.top.Again()
	}
	at, from := r.top.fd, rel
	for {
		piece, rest := cut(rel, r.walk)
		fd, err := r.open(at, piece)
		if at != r.top.fd {
			r.top.sys.kernel.Close(at)
		}
		if err != nil {
			return nil, fail("open directory", from, err)
		}
		if rest == "" {
			return &Dir{r.top.sys, fd}, nil
		}
		at, rel = fd, rest
	}
}

// cut splits off what one call may open: all that fits, or one component.
func cut(rel string, walk bool) (piece, rest string) {
	limit := longest
	if walk {
		limit = max(strings.IndexByte(rel, '/'), 0)
		if limit == 0 {
			return rel, ""
		}
	} else if len(rel) <= limit {
		return rel, ""
	}
	at := strings.LastIndexByte(rel[:limit+1], '/')
	if at <= 0 {
		return rel, "" // too long a name: the kernel says so
	}
	return rel[:at], rel[at+1:]
}

func (r *Root) open(at int, piece string) (fd int, err error) {
	if !r.walk {
		return r.top.sys.kernel.OpenBeneath(at, piece)
	}
	if err := single("open", piece); err != nil {
		return -1, unix.EINVAL
	}
	err = again(func() (err error) {
		fd, err = r.top.sys.kernel.OpenAt(at, piece, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return err
	})
	return fd, err
}

// IsErrno says whether err comes from one of these errnos.
func IsErrno(err error, any ...unix.Errno) bool {
	for _, no := range any {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
