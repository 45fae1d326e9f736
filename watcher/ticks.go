package watcher

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ticks is how finely a file system's times can be believed: two writes within
// one tick may leave the same mtime and ctime, so a file that was read within a
// tick of its last change has to be read again later.
type ticks struct {
	fine   time.Duration
	stores bool // the first store into a clean page of a mapping moves the mtime
}

const (
	// Where times have nanoseconds they come from the kernel's timer tick: 10 ms
	// at the slowest (CONFIG_HZ=100), twice that to be safe.
	jiffies = 20 * time.Millisecond
	// Where they have none (ext4 with 128-byte inodes, FAT): FAT's two seconds.
	seconds = 2 * time.Second
)

// ticksOf asks which file system that is. Since Linux 6.13 these four give a
// file a fresh, fine-grained ctime whenever the last one was looked at
// (multigrain timestamps): there a stat before the read proves enough.
func ticksOf(fd int) ticks {
	t := ticks{fine: jiffies}
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return t
	}
	switch fs.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		t.stores = true
	case unix.TMPFS_MAGIC: // not at all
	default:
		return t
	}
	if kernelAtLeast(6, 13) {
		t.fine = 0
	}
	return t
}

// of is the tick that counts for one file. A ctime is never set by hand, so one
// without nanoseconds comes from a file system that keeps none.
func (t ticks) of(st *stat) time.Duration {
	if st.ctime.Nsec == 0 {
		return seconds
	}
	return t.fine
}

// racy says whether a file that was looked at then may have changed since
// without its times showing it. A ctime from before the clock was set back is
// no such case: the next change gets another one.
func (t ticks) racy(st *stat, then time.Time) bool {
	tick := t.of(st)
	return tick > 0 && then.Sub(st.ctime.Std()).Abs() < tick
}

// fresh says that an event's path shows something so new that an equal
// stat proves nothing: a file made, removed and made again within a tick can
// have the same inode, size and times, whatever the file system. What counts is
// when the event was heard: the look may have waited for a burst to pause.
func fresh(st *stat, heard time.Time) bool { return heard.Sub(st.ctime.Std()) < 5*jiffies }

func kernelAtLeast(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	parts := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	if len(parts) < 2 {
		return false
	}
	x, _ := strconv.Atoi(parts[0])
	y, _ := strconv.Atoi(parts[1])
	return x > major || x == major && y >= minor
}
