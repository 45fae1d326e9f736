package journal

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lock is an flock(2) on a file beside the database. The kernel drops it when
// the process ends, however it ends, so there is never a stale lock; the text
// in the file only names the holder.
type lock struct{ file *os.File }

func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return nil, holder(path, f)
	}
	l := &lock{f}
	if err := l.sign(); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	text := fmt.Sprintf("%d %s\n", os.Getpid(), strings.Join(os.Args, " "))
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	return nil
}

func (l *lock) release() error { return l.file.Close() }

func holder(path string, f *os.File) *InUseError {
	text := make([]byte, 512)
	n, _ := f.ReadAt(text, 0)
	pid, command, _ := strings.Cut(strings.TrimSpace(string(text[:n])), " ")
	e := &InUseError{Path: path, Command: command}
	e.PID, _ = strconv.Atoi(pid)
	return e
}
