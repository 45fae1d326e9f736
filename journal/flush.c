// SQLite calls fsync where it was built without knowing that the system has a
// sound fdatasync, as it is by the package that brings it here. Linux has one: bytes, size and
// where the bytes lie are on the disk when it returns, only times may not be. A commit
// overwrites the WAL in place most of the time; fsync makes ext4 commit its own
// journal for the new mtime each time, which takes twice as long and waits for whoever else
// writes to that disk. So SQLite's calls end here. Go's own flushes are system calls
// and do not.

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long flushes;

int fsync(int fd) {
	struct stat st;
	atomic_fetch_add(&flushes, 1);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) return fdatasync(fd);
	return (int)syscall(SYS_fsync, fd); // a directory's names count as neither
}

long hydrasync_flushes(void) { return atomic_load(&flushes); }
