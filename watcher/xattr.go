package watcher

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// carried is the one decision about which attributes travel: what users set
// (user.*), POSIX ACLs, file capabilities, and what only root may read
// (trusted.*). Labels of security modules (security.selinux and the like)
// belong to the machine and its policy, not to the file.
func carried(name string) bool {
	switch name {
	case "system.posix_acl_access", "system.posix_acl_default", "security.capability":
		return true
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")
}

// xattrs reads the attributes of a name in an open directory, ascending. A file
// without any costs one call. The path through /proc is the way to do that
// for every kind, links included, without opening what the name shows.
func xattrs(dirfd int, name string) ([]journal.Xattr, error) {
	if name == "" {
		name = "."
	}
	path := "/proc/self/fd/" + strconv.Itoa(dirfd) + "/" + name
	return readXattrs(
		func(to []byte) (int, error) { return unix.Llistxattr(path, to) },
		func(name string, to []byte) (int, error) { return unix.Lgetxattr(path, name, to) })
}

// xattrsOf is xattrs of a file that is open for reading, which spares the path.
func xattrsOf(fd int) ([]journal.Xattr, error) {
	return readXattrs(
		func(to []byte) (int, error) { return unix.Flistxattr(fd, to) },
		func(name string, to []byte) (int, error) { return unix.Fgetxattr(fd, name, to) })
}

func readXattrs(names func(to []byte) (int, error), value func(name string, to []byte) (int, error)) ([]journal.Xattr, error) {
	list, err := listXattrs(names)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var found []journal.Xattr
	for raw := range bytes.SplitSeq(list, []byte{0}) {
		if name := string(raw); carried(name) {
			value, err := getXattr(name, value)
			if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
				continue // gone since, or not for our eyes
			}
			if err != nil {
				return nil, err
			}
			found = append(found, journal.Xattr{Name: name, Value: value})
		}
	}
	slices.SortFunc(found, func(a, b journal.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func listXattrs(names func([]byte) (int, error)) ([]byte, error) {
	n, err := names(nil) // most files have none
	switch {
	case errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil || n == 0:
		return nil, err
	}
	list := make([]byte, n)
	if n, err = names(list); errors.Is(err, unix.ERANGE) { // there are more by now
		list = make([]byte, journal.MaxXattrs) // the kernel's own limit
		n, err = names(list)
	}
	return list[:max(n, 0)], err
}

func getXattr(name string, value func(string, []byte) (int, error)) ([]byte, error) {
	var small [256]byte
	n, err := value(name, small[:])
	if err == nil {
		return bytes.Clone(small[:n]), nil
	}
	if !errors.Is(err, unix.ERANGE) {
		return nil, err
	}
	big := make([]byte, journal.MaxXattrValue)
	n, err = value(name, big)
	return big[:max(n, 0)], err
}
