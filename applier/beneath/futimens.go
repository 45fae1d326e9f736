package beneath

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// futimens is utimensat on the descriptor itself (a nil path), which
// x/sys/unix does not offer: its UtimesNanoAt always passes a path.
func futimens(fd int, times []unix.Timespec) error {
	_, _, no := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times[0])), 0, 0, 0)
	if no != 0 {
		return no
	}
	return nil
}
