package tree

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Aspects are what is compared besides kinds, names, contents and the targets
// of links, which always are.
type Aspects uint8

// What a contestant may carry. The times of directories are never compared:
// not everybody carries them.
const (
	Modes Aspects = 1 << iota
	Times
	Owners

	Everything = Modes | Times | Owners
)

// State is what one path has to show.
type State struct {
	Path   string // relative to the root
	Gone   bool   // nothing may be there; the rest does not count
	Mode   fs.FileMode
	Size   int64 // of files
	MTime  time.Time
	UID    uint32
	GID    uint32
	Target string // of links
}

// stateOf turns what lstat said into a state.
func stateOf(root, path string, info fs.FileInfo) (State, error) {
	s := State{Path: path, Mode: info.Mode(), MTime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = st.Uid, st.Gid
	}
	switch {
	case info.Mode().IsRegular():
		s.Size = info.Size()
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(join(root, path))
		if err != nil {
			return s, err
		}
		s.Target = target
	}
	return s, nil
}

// differs names the first thing in which got is not s; empty if nothing.
func (s *State) differs(got *State, carries Aspects) string {
	link := s.Mode&fs.ModeSymlink != 0
	switch {
	case s.Mode.Type() != got.Mode.Type():
		return "kind"
	case s.Size != got.Size:
		return "size"
	case s.Target != got.Target:
		return "target"
	case carries&Modes != 0 && !link && s.Mode != got.Mode:
		return "mode"
	case carries&Times != 0 && !s.Mode.IsDir() && !s.MTime.Equal(got.MTime):
		return "mtime"
	case carries&Owners != 0 && (s.UID != got.UID || s.GID != got.GID):
		return "owner"
	}
	return ""
}

func join(root, path string) string {
	if path == "" {
		return root
	}
	return root + "/" + path
}
