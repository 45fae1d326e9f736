package beneath

import "golang.org/x/sys/unix"

// RemoveAll removes a name with all that is beneath it; a missing one is fine.
// It is for hydrasync's own folders (staging, trash), never for the tree.
func (d *Dir) RemoveAll(name string) error {
	err := d.Unlink(name)
	if err == nil || IsErrno(err, unix.ENOENT) {
		return nil
	}
	if !IsErrno(err, unix.EISDIR, unix.EPERM) {
		return err
	}
	if err := d.empty(name); err != nil {
		return err
	}
	return d.Rmdir(name)
}

func (d *Dir) empty(name string) error {
	sub, err := d.Dir(name)
	if IsErrno(err, unix.EACCES) {
		if err := d.Chmod(name, 0o700); err != nil {
			return err
		}
		sub, err = d.Dir(name)
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return err
	}
	loosened := false
	for _, n := range names {
		err := sub.RemoveAll(n)
		if IsErrno(err, unix.EACCES) && !loosened {
			loosened = true
			if err = sub.File().Chmod(0o700); err == nil {
				err = sub.RemoveAll(n)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// MkdirAll makes the directories of a relative path and opens the last.
// Existing ones are taken as they are.
func (d *Dir) MkdirAll(parts []string, mode uint32) (*Dir, error) {
	at, err := d.Again()
	for _, name := range parts {
		if err != nil {
			return nil, err
		}
		if err = at.Mkdir(name, mode); IsErrno(err, unix.EEXIST) {
			err = nil
		}
		var next *Dir
		if err == nil {
			next, err = at.Dir(name)
		}
		at.Close()
		at = next
	}
	return at, err
}
