package beneath

import "golang.org/x/sys/unix"

// Stat is what the kernel says about a name. Times are seconds since 1970 and
// nanoseconds; BSec is zero where the file system keeps no birth time.
type Stat struct {
	Dev, Ino     uint64
	Type         uint32 // S_IFMT part of the mode: [Regular], [Directory], [Link], or other
	Mode         uint32 // 07777
	UID, GID     uint32
	Links        uint32
	Size, Blocks int64 // bytes; blocks of 512 bytes
	MSec, CSec   int64
	BSec         int64
	MNsec, CNsec int32
	BNsec        int32
	Immutable    bool
}

// The types that a tree carries.
const (
	Regular   = unix.S_IFREG
	Directory = unix.S_IFDIR
	Link      = unix.S_IFLNK
)

const wanted = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// stat looks at a name, or with none at what is open.
func (s *system) stat(fd int, name string) (st Stat, err error) {
	err = again(func() error {
		st, err = s.kernel.Stat(fd, name)
		return err
	})
	return st, fail("stat", name, err)
}

func statx(fd int, name string, flags int) (Stat, error) {
	var x unix.Statx_t
	if err := unix.Statx(fd, name, flags, wanted, &x); err != nil {
		return Stat{}, err
	}
	s := Stat{
		Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino,
		Type: uint32(x.Mode) & unix.S_IFMT, Mode: uint32(x.Mode) & 0o7777,
		UID: x.Uid, GID: x.Gid, Links: x.Nlink, Size: int64(x.Size), Blocks: int64(x.Blocks),
		MSec: x.Mtime.Sec, MNsec: int32(x.Mtime.Nsec), CSec: x.Ctime.Sec, CNsec: int32(x.Ctime.Nsec),
		Immutable: x.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0,
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.BSec, s.BNsec = x.Btime.Sec, int32(x.Btime.Nsec)
	}
	return s, nil
}
