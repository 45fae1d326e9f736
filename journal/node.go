package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// NodeID names a node for one epoch. It stays when the node is moved or
// rewritten and is never used again. Zero is no node.
type NodeID int64

// Root is the tree's top directory; its Parent is zero and its Name is empty.
const Root NodeID = 1

// Parked is the Parent of a node that a city knows but has not placed in the
// tree: it made way for another and its new place has not come yet. Its name is
// then for the city to choose, unique among the parked.
const Parked NodeID = 0

// MaxID is the largest id that a peer may name, of a node or of a group of links. Ids are
// counted from 1; room above it is for the ids of stale rows, see [Journal.Renumber].
const MaxID NodeID = 1 << 44

// Kind says what a node is. Zero is no kind.
type Kind uint8

// The kinds that a tree carries. Everything else (FIFO, socket, device) is
// listed as a problem by the watcher and never becomes a node.
const (
	File Kind = iota + 1
	Dir
	Symlink
)

// String is the word that people see.
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "symlink"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// The limits of what a journal takes, from the Linux limits (NAME_MAX,
// PATH_MAX, XATTR_NAME_MAX, XATTR_SIZE_MAX, XATTR_LIST_MAX in <linux/limits.h>).
const (
	MaxName       = 255
	MaxTarget     = 4095
	MaxXattrName  = 255
	MaxXattrValue = 64 << 10
	MaxXattrs     = 64 << 10 // bytes, names and values of one node together
)

// Time is a file's time as the kernel keeps it: seconds since 1970, which may
// be negative, and 0–999,999,999 nanoseconds.
type Time struct {
	Sec  int64
	Nsec int32
}

// TimeOf converts; the range of [time.Time] holds every kernel time.
func TimeOf(t time.Time) Time { return Time{t.Unix(), int32(t.Nanosecond())} }

// Std is the standard library's form, in UTC.
func (t Time) Std() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// IsZero says that no time is meant.
func (t Time) IsZero() bool { return t == Time{} }

// Content identifies a file's bytes. While Generation stays, the bytes only
// grow: same Generation and larger Size means that the old bytes are a prefix
// of the new. Generations of one node never repeat within an epoch.
type Content struct {
	Generation uint64
	Size       int64
	Digest     Digest // SHA-256 of all Size bytes
}

// Xattr is one extended attribute. POSIX ACLs are the attributes
// system.posix_acl_access and system.posix_acl_default; their bytes travel as
// they are.
type Xattr struct {
	Name  string
	Value []byte
}

// Node is the state of one name in the tree: everything that a city has to
// make true, and nothing that is only known on this machine (see [Seen]).
type Node struct {
	ID     NodeID
	Parent NodeID
	Name   string // bytes: anything but NUL and '/', never "." or ".."
	Kind   Kind
	Mode   uint32 // permission bits with set-id and sticky: 07777; symlinks 0777
	UID    uint32
	GID    uint32
	MTime  Time    // zero for directories: their times are not carried
	Body   Content // files only
	Target string  // symlinks only: bytes, never followed
	Link   NodeID  // hard-link group: files, or symlinks, with the same non-zero Link share one inode
	Xattrs []Xattr // ascending by Name, no duplicates
}

// Equal compares all of the state.
func (n Node) Equal(o Node) bool {
	if len(n.Xattrs) != len(o.Xattrs) {
		return false
	}
	for i := range n.Xattrs {
		if n.Xattrs[i].Name != o.Xattrs[i].Name || !bytes.Equal(n.Xattrs[i].Value, o.Xattrs[i].Value) {
			return false
		}
	}
	return n.ID == o.ID && n.Parent == o.Parent && n.Name == o.Name && n.Kind == o.Kind && n.Mode == o.Mode &&
		n.UID == o.UID && n.GID == o.GID && n.MTime == o.MTime && n.Body == o.Body && n.Target == o.Target && n.Link == o.Link
}

// ErrInvalid is wrapped by every refusal of [Node.Validate].
var ErrInvalid = errors.New("invalid node")

// Validate refuses what no honest tree contains: it is the one gate through
// which a peer's nodes pass before anything believes them.
func (n Node) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: id %d: %s", ErrInvalid, n.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case n.ID <= 0 || n.ID > MaxID:
		return bad("ids are from 1 to %d", MaxID)
	case n.ID == Root:
		if n.Parent != 0 || n.Name != "" || n.Kind != Dir {
			return bad("the root is a directory without a name")
		}
	case n.Parent <= 0 || n.Parent > MaxID || n.Parent == n.ID:
		return bad("parent %d", n.Parent)
	case !ValidName(n.Name):
		return bad("name %q", n.Name)
	}
	switch {
	case n.Kind != File && n.Kind != Dir && n.Kind != Symlink:
		return bad("%v", n.Kind)
	case n.Mode&^0o7777 != 0:
		return bad("mode %o", n.Mode)
	case n.MTime.Nsec < 0 || n.MTime.Nsec > 999_999_999:
		return bad("mtime %d ns", n.MTime.Nsec)
	case n.Body.Size < 0 || n.Kind != File && n.Body != (Content{}):
		return bad("content of %d bytes in a %v", n.Body.Size, n.Kind)
	case (n.Kind == Symlink) == (n.Target == "") || len(n.Target) > MaxTarget || strings.ContainsRune(n.Target, 0):
		return bad("target %q", n.Target)
	case n.Link < 0 || n.Link > MaxID || n.Kind == Dir && n.Link != 0:
		return bad("link group %d", n.Link)
	}
	return n.validateXattrs(bad)
}

func (n Node) validateXattrs(bad func(string, ...any) error) error {
	total := 0
	for i, x := range n.Xattrs {
		switch {
		case x.Name == "" || len(x.Name) > MaxXattrName || strings.ContainsRune(x.Name, 0):
			return bad("xattr name %q", x.Name)
		case len(x.Value) > MaxXattrValue:
			return bad("xattr %q of %d bytes", x.Name, len(x.Value))
		case i > 0 && n.Xattrs[i-1].Name >= x.Name:
			return bad("xattr %q is out of order", x.Name)
		}
		total += len(x.Name) + len(x.Value)
	}
	if total > MaxXattrs {
		return bad("%d bytes of xattrs", total)
	}
	return nil
}

// ValidName says whether name can stand in a directory.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}
