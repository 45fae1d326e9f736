package watcher

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// RootError says that the root cannot be watched as it is.
type RootError struct {
	Path string
	Err  error
	hint string
}

// Error names the root and the cause.
func (e *RootError) Error() string { return fmt.Sprintf("open root %s: %v", e.Path, e.Err) }

// Unwrap is the cause.
func (e *RootError) Unwrap() error { return e.Err }

// Hint says what to do about it; it may be empty.
func (e *RootError) Hint() string { return e.hint }

// root is the tree's top, held open: every access goes beneath this descriptor,
// and no symbolic link is followed on the way.
type root struct {
	path string // absolute, symbolic links resolved once at the start
	fd   int    // O_PATH
	id   ident
	bare atomic.Bool // no openat2 here: walk the components
}

func openRoot(path string) (*root, error) {
	real, err := filepath.Abs(path)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return nil, &RootError{path, cause(err), "check the path; the directory has to exist"}
	}
	fd, err := unix.Open(real, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &RootError{path, err, "a tree is a directory; to publish one file, publish its directory and ignore the rest"}
	}
	st, err := statAt(fd, "")
	if err != nil {
		return nil, errors.Join(&RootError{path, err, ""}, unix.Close(fd))
	}
	return &root{path: real, fd: fd, id: st.ident}, nil
}

func (r *root) close() error { return unix.Close(r.fd) }

// errLost says that the root is not the directory that it was.
var errLost = errors.New("the root is lost")

// check compares the directory at the root's path with the one that is open.
func (r *root) check() error {
	var st unix.Stat_t
	if err := unix.Lstat(r.path, &st); err != nil {
		return fmt.Errorf("%w: stat %s: %w", errLost, r.path, err)
	}
	if now := (ident{uint64(st.Dev), st.Ino}); now != r.id || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("%w: %s is another directory than the one that is watched (it was unmounted, mounted over or replaced)", errLost, r.path)
	}
	return nil
}

const (
	resolve  = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV
	maxPiece = 3 << 10 // of a path in one call; PATH_MAX in <linux/limits.h> is 4 KiB
)

// open opens what is at a path beneath the root. Paths longer than the kernel
// takes at once are walked in pieces. O_NOFOLLOW and O_CLOEXEC are implied.
func (r *root) open(path string, flags int) (int, error) {
	at, owned := r.fd, false
	for len(path) > maxPiece {
		cut := strings.LastIndexByte(path[:maxPiece], '/')
		next, err := r.openAt(at, path[:cut], unix.O_PATH|unix.O_DIRECTORY)
		if owned {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at, owned, path = next, true, path[cut+1:]
	}
	if path == "" {
		path = "."
	}
	fd, err := r.openAt(at, path, flags)
	if owned {
		unix.Close(at)
	}
	return fd, err
}

func (r *root) openAt(at int, path string, flags int) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_CLOEXEC
	for !r.bare.Load() {
		fd, err := unix.Openat2(at, path, &unix.OpenHow{Flags: uint64(flags), Resolve: resolve})
		switch err {
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename somewhere raced with the lookup
		case unix.ENOSYS:
			r.bare.Store(true)
		case unix.EXDEV:
			return -1, errOtherDevice
		default:
			return fd, err
		}
	}
	return openParts(at, path, flags)
}

// openParts does openat2's work on kernels before 5.6.
func openParts(at int, path string, flags int) (int, error) {
	owned := false
	for {
		part, rest, more := strings.Cut(path, "/")
		want := flags
		if more {
			want = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		next, err := unix.Openat(at, part, want, 0)
		if owned {
			unix.Close(at)
		}
		if err != nil || !more {
			return next, err
		}
		at, owned, path = next, true, rest
	}
}

// missing says that a name, or a directory on the way to it, is not there. It
// is the only error from which an absence may be concluded.
func missing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// cause takes the path out of an error that the caller names the path of.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
