package beneath

// List calls visit with every name in the directory except "." and "..", in
// the kernel's order. It reads through a descriptor of its own, so it may run
// beside anything else; names that come or go meanwhile may be missed or seen.
func (d *Dir) List(visit func(name string) error) error {
	var stopped error
	err := d.sys.kernel.List(d.fd, func(name string) error {
		stopped = visit(name)
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	return fail("read directory", ".", err)
}

// Names lists the directory.
func (d *Dir) Names() (names []string, err error) {
	err = d.List(func(name string) error {
		names = append(names, name)
		return nil
	})
	return names, err
}
