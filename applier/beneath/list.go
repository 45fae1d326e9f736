package beneath

import (
	"golang.org/x/sys/unix"
)

// List calls visit with every name in the directory except "." and "..", in
// the kernel's order. It reads through a descriptor of its own, so it may run
// beside anything else; names that come or go meanwhile may be missed or seen.
func (d *Dir) List(visit func(name string) error) error {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd, ".", dirFlags, 0)
		return err
	})
	if err != nil {
		return fail("open directory", ".", err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 32<<10)
	var names []string
	for {
		var n int
		err := again(func() (err error) {
			n, err = unix.Getdents(fd, buf)
			return err
		})
		if err != nil {
			return fail("read directory", ".", err)
		}
		if n == 0 {
			return nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
	}
}

// Names lists the directory.
func (d *Dir) Names() (names []string, err error) {
	err = d.List(func(name string) error {
		names = append(names, name)
		return nil
	})
	return names, err
}
