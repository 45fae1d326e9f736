package plan

import (
	"path/filepath"
	"strings"
)

// Beneath says that a path is that of a directory, or of something in it. Both are
// absolute; links are not looked at.
func Beneath(path, dir string) bool {
	path, dir = filepath.Clean(path), filepath.Clean(dir)
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// Nested finds the first directory that is another one, or inside it, or around it.
func Nested(dirs []string) (first, second int, found bool) {
	for i, a := range dirs {
		for j, b := range dirs[:i] {
			if Beneath(a, b) || Beneath(b, a) {
				return j, i, true
			}
		}
	}
	return 0, 0, false
}
