package beneath

// Kernel is what this package asks of the system, on descriptors and single names:
// [Linux], or a test's own. Errors are errnos. It may be called from several
// goroutines at once. A name is never followed if it is a link.
type Kernel interface {
	opening
	looking
	naming
	dressing
	holding
}

// opening gives descriptors, all of them closed on exec.
type opening interface {
	// Open opens the directory at a path that may lead over links.
	Open(path string) (fd int, err error)
	// OpenBeneath opens the directory at a path of several names, none of them a
	// link. ENOSYS: it has to be opened name by name.
	OpenBeneath(dir int, rel string) (fd int, err error)
	// OpenAt is openat(2) with O_NOFOLLOW and O_CLOEXEC.
	OpenAt(dir int, name string, flags int, mode uint32) (fd int, err error)
	Dup(fd int) (int, error)
	Close(fd int) error
}

// looking changes nothing.
type looking interface {
	// Find looks at a path that may lead over links.
	Find(path string) (Stat, error)
	// ReadOnly says whether the file system at a path is mounted so.
	ReadOnly(path string) bool
	// Unlogged says whether it has no journal: see [Root.Unlogged].
	Unlogged(path string) bool
	// Stat looks at a name, or with none at what is open.
	Stat(fd int, name string) (Stat, error)
	Readlink(dir int, name string) (string, error)
	// Space is statfs(2): bytes of the file system of what is open that an ordinary user may use, and all.
	Space(fd int) (free, all int64, err error)
	// List visits every name but "." and "..", in any order.
	List(dir int, visit func(name string) error) error
}

// naming makes names lead elsewhere. Each is one step for all who look.
type naming interface {
	Mkdir(dir int, name string, mode uint32) error
	Symlink(target string, dir int, name string) error
	Link(from int, name string, to int, newName string) error
	// LinkOpen gives an open file without a name its first one.
	LinkOpen(fd int, to int, newName string) error
	// Rename is renameat2(2); see [Replace].
	Rename(from int, name string, to int, newName string, how uint) error
	// Unlink removes a name; that of an empty directory if dir says so.
	Unlink(in int, name string, dir bool) error
}

// dressing sets what a node has besides its bytes: of a name, or with none of what is open.
type dressing interface {
	Chmod(fd int, name string, mode uint32) error
	// Chown leaves a part as it is that is ^uint32(0).
	Chown(fd int, name string, uid, gid uint32) error
	SetTime(fd int, name string, sec int64, nsec int32) error
	// Xattrs and Xattr are flistxattr(2) and fgetxattr(2).
	Xattrs(fd int, into []byte) (n int, err error)
	Xattr(fd int, name string, into []byte) (n int, err error)
	SetXattr(fd int, name string, value []byte) error
	RemoveXattr(fd int, name string) error
}

// holding is about bytes, and what of everything is on disk.
type holding interface {
	ReadAt(fd int, p []byte, off int64) (n int, err error)
	WriteAt(fd int, p []byte, off int64) (n int, err error)
	Truncate(fd int, size int64) error
	Clone(fd, src int) error
	// Seek is lseek(2) with SEEK_DATA or SEEK_HOLE.
	Seek(fd int, off int64, whence int) (at int64, err error)
	Sync(fd int) error
	SyncData(fd int) error
	SyncAll(fd int) error
	// WriteBehind begins to write a range to the disk, and promises nothing.
	WriteBehind(fd int, off, n int64)
}
