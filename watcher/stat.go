package watcher

import (
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// ident is which object of the machine something is, while it exists.
type ident struct{ dev, ino uint64 }

// stat is what the disk says about one name.
type stat struct {
	ident
	kind                journal.Kind // zero: FIFO, socket or device
	mount               bool         // something is mounted here
	mode, uid, gid      uint32
	nlink               uint32
	size                int64
	mtime, ctime, btime journal.Time // btime is zero where there is none
}

// linkable says that it may have more names than one: a file, or a symlink.
func (st *stat) linkable() bool { return st.kind == journal.File || st.kind == journal.Symlink }

// foreign says that what is beneath the root is not of its file system, or is
// mounted there: a bind mount has the root's device, and is a tree of its own all the
// same. Of a file the device proves nothing: an overlay shows those of its layers.
func (r *root) foreign(st *stat) bool {
	return st.mount && st.ident != r.id || st.kind == journal.Dir && st.dev != r.id.dev
}

// shared says that it has.
func (st *stat) shared() bool { return st.nlink > 1 && st.linkable() }

// statAt looks at a name in a directory, "" for the descriptor itself. It
// never follows a link and never triggers a mount.
func statAt(fd int, name string) (stat, error) {
	var sx unix.Statx_t
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	for {
		err := unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &sx)
		if err == nil {
			return statOf(&sx), nil
		}
		if err != unix.EINTR {
			return stat{}, err
		}
	}
}

func statOf(sx *unix.Statx_t) stat {
	st := stat{
		ident: ident{unix.Mkdev(sx.Dev_major, sx.Dev_minor), sx.Ino},
		mount: sx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
		mode:  uint32(sx.Mode) & 0o7777,
		uid:   sx.Uid, gid: sx.Gid, nlink: sx.Nlink,
		size:  int64(sx.Size),
		mtime: timeOf(sx.Mtime), ctime: timeOf(sx.Ctime),
	}
	if sx.Mask&unix.STATX_BTIME != 0 {
		st.btime = timeOf(sx.Btime)
	}
	switch sx.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		st.kind = journal.File
	case unix.S_IFDIR:
		st.kind = journal.Dir
	case unix.S_IFLNK:
		st.kind = journal.Symlink
		st.mode = 0o777
	}
	return st
}

func timeOf(t unix.StatxTimestamp) journal.Time { return journal.Time{Sec: t.Sec, Nsec: int32(t.Nsec)} }

// sameObject says whether st shows the very file or directory that the row
// was made from. Inode numbers are used again, so the time of birth decides; where the
// file system keeps none, an unchanged size and mtime have to.
func sameObject(row *journal.Stored, st *stat) bool {
	switch {
	case row.Seen.Ino != st.ino || row.Node.Kind != st.kind:
		return false
	case !row.Seen.BTime.IsZero() && !st.btime.IsZero():
		return row.Seen.BTime == st.btime
	}
	return st.kind == journal.Dir || row.Seen.Size == st.size && row.Seen.MTime == st.mtime
}

// sameAtName is sameObject for a row of this very name: there an inode without
// a time of birth is believed.
func sameAtName(row *journal.Stored, st *stat) bool {
	if row.Seen.BTime.IsZero() || st.btime.IsZero() {
		return row.Seen.Ino == st.ino && row.Node.Kind == st.kind
	}
	return sameObject(row, st)
}

// sameBytes says that nothing wrote to the file since the row was made, as far as
// its times can prove that.
func sameBytes(row *journal.Stored, st *stat) bool {
	s := &row.Seen
	return !s.Racy && s.Ino == st.ino && s.Size == st.size && s.MTime == st.mtime && s.CTime == st.ctime
}

// unchanged says that a look at this name would find nothing to append. Every
// change of owner, mode, attributes or links moves a ctime.
func unchanged(row *journal.Stored, st *stat) bool {
	return sameAtName(row, st) && sameBytes(row, st) &&
		row.Node.Mode == st.mode && row.Node.UID == st.uid && row.Node.GID == st.gid
}
