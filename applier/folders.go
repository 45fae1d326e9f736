package applier

import (
	"errors"
	"fmt"
	"os"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

// StateName is the folder in a destination where a city keeps its own things.
const StateName = ".hydrasync"

// folders are hydrasync's own directories in a destination, held open.
type folders struct {
	root    *beneath.Root
	state   *beneath.Dir
	staging *beneath.Dir
	parked  *beneath.Dir
	trash   *beneath.Dir
	intent  *beneath.File
	killed  bool   // the process that had the destination before did not end by itself
	dev     uint64 // of the root, with ino: what it must stay
	ino     uint64
	scratch string // of a dry run: everything of ours is there

	unlogged bool // see [beneath.Root.Unlogged]
}

// openFolders opens the destination, making it and the state folder as needed.
// A state folder that is a link, or belongs to somebody else, is refused.
func openFolders(cfg *Config) (opened *folders, err error) {
	if err := os.Mkdir(cfg.Root, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, rootError(cfg.Root, err)
	}
	root, err := beneath.Open(cfg.Root, cfg.Kernel, cfg.Calls)
	if err != nil {
		return nil, rootError(cfg.Root, err)
	}
	f := &folders{root: root}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	self, err := root.Top().Self()
	if err != nil {
		return nil, rootError(cfg.Root, err)
	}
	f.dev, f.ino, f.unlogged = self.Dev, self.Ino, root.Unlogged(cfg.Root)
	if root.ReadOnly(cfg.Root) {
		return nil, rootError(cfg.Root, unix.EROFS)
	}
	return f, f.openOwn(root.Top(), cfg.Root)
}

// openOwn makes and opens hydrasync's own folders in a directory.
func (f *folders) openOwn(in *beneath.Dir, root string) (err error) {
	if f.state, err = ownFolder(in, StateName); err != nil {
		return rootError(root, err)
	}
	for _, own := range []struct {
		name string
		dir  **beneath.Dir
	}{{"staging", &f.staging}, {"parked", &f.parked}, {"trash", &f.trash}} {
		if *own.dir, err = ownFolder(f.state, own.name); err != nil {
			return rootError(root, err)
		}
	}
	if f.intent, f.killed, err = openIntent(in, f.state); err != nil {
		return rootError(root, err)
	}
	return nil
}

// ownFolder makes and opens a directory that only this user may enter.
func ownFolder(in *beneath.Dir, name string) (*beneath.Dir, error) {
	if err := in.Mkdir(name, 0o700); err != nil && !beneath.IsErrno(err, unix.EEXIST) {
		return nil, err
	}
	d, err := in.Dir(name)
	if err != nil {
		return nil, err
	}
	st, err := d.Self()
	switch {
	case err != nil:
	case st.UID != uint32(os.Geteuid()):
		err = fmt.Errorf("%s belongs to user %d: %w", name, st.UID, os.ErrPermission)
	case st.Mode != 0o700:
		err = d.File().Chmod(0o700)
	}
	if err == nil {
		err = withoutACL(d)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// withoutACL takes away an inherited default ACL, which would leak into what is staged.
func withoutACL(d *beneath.Dir) error {
	err := d.File().RemoveXattr(aclDefault)
	if beneath.IsErrno(err, unix.ENODATA, unix.EOPNOTSUPP, unix.EROFS) {
		return nil
	}
	return err
}

func (f *folders) close() error {
	var errs []error
	for _, d := range []*beneath.Dir{f.trash, f.parked, f.staging, f.state} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	if f.intent != nil {
		errs = append(errs, f.intent.Close())
	}
	errs = append(errs, f.root.Close())
	if f.scratch != "" {
		errs = append(errs, os.RemoveAll(f.scratch))
	}
	return errors.Join(errs...)
}

// check makes sure that the path still leads to the directory that was opened:
// a destination that was unmounted or replaced is not written to, and never made anew.
func (f *folders) check(root string) error {
	if f.scratch != "" {
		return nil
	}
	st, err := f.root.Leads(root)
	if err != nil {
		return &RootError{root, fmt.Errorf("destination lost: %w", err), hintLost}
	}
	if st.Dev != f.dev || st.Ino != f.ino {
		return &RootError{root, errors.New("destination lost: another directory is there now"), hintLost}
	}
	return nil
}

// Filled says whether the destination holds anything but our own folder.
func (a *Applier) Filled() (bool, error) {
	enough := errors.New("enough")
	err := a.folders.root.Top().List(func(name string) error {
		if name != StateName {
			return enough
		}
		return nil
	})
	if err == enough {
		return true, nil
	}
	return false, err
}

// clean empties staging: whatever is there was never finished.
func (f *folders) clean() error {
	names, err := f.staging.Names()
	for _, name := range names {
		err = errors.Join(err, f.staging.RemoveAll(name))
	}
	return err
}

const hintLost = "mount the destination again, or put the directory back; hydrasync goes on by itself"

func rootError(root string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		hint = "the destination and its " + StateName + " folder must be directories; name another"
	case errors.Is(err, unix.ENOENT):
		hint = "make the folder above it first"
	case errors.Is(err, unix.EROFS):
		hint = "the file system is mounted read-only"
	case errors.Is(err, os.ErrPermission):
		hint = "run as a user who may write there, or change the folder's owner"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		hint = "free space, inodes or quota on the destination's file system"
	}
	return &RootError{root, err, hint}
}
