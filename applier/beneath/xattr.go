package beneath

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Xattrs lists the names of the extended attributes. A file system without
// them has none.
func (f *File) Xattrs() ([]string, error) {
	for size := 512; ; size = 64 << 10 { // XATTR_LIST_MAX
		buf := make([]byte, size)
		n, err := f.sys.kernel.Xattrs(f.fd, buf)
		switch {
		case err == unix.EOPNOTSUPP || n == 0 && err == nil:
			return nil, nil
		case err == unix.ERANGE && size == 512:
			continue
		case err != nil:
			return nil, fail("list attributes", f.name, err)
		}
		return strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00"), nil
	}
}

// Xattr reads an attribute.
func (f *File) Xattr(name string) ([]byte, error) {
	for size := 1 << 10; ; size = 64 << 10 { // XATTR_SIZE_MAX
		buf := make([]byte, size)
		n, err := f.sys.kernel.Xattr(f.fd, name, buf)
		if err == unix.ERANGE && size == 1<<10 {
			continue
		}
		if err != nil {
			return nil, fail("read attribute", name, err)
		}
		return buf[:n], nil
	}
}

// SetXattr sets an attribute.
func (f *File) SetXattr(name string, value []byte) error {
	return f.sys.change("set attribute", name, func() error { return f.sys.kernel.SetXattr(f.fd, name, value) })
}

// RemoveXattr removes an attribute.
func (f *File) RemoveXattr(name string) error {
	return f.sys.change("remove attribute", name, func() error { return f.sys.kernel.RemoveXattr(f.fd, name) })
}
