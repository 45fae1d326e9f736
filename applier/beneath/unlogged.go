package beneath

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Unlogged says that the file system at a path has no journal of its own, as ext4
// without one, and ext2. There, flushing a directory puts names on the disk and nothing
// else: what they lead to, if it was made or got its first name after its own flush, is not
// there. Other file systems keep one log for all. In doubt it is taken for one without.
func (r *Root) Unlogged(path string) bool { return r.top.sys.kernel.Unlogged(path) }

// Unlogged implements [Kernel].
func (Linux) Unlogged(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || fs.Type != unix.EXT4_SUPER_MAGIC {
		return false
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return true
	}
	device, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return true
	}
	task, err := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "journal_task"))
	return err != nil || strings.TrimSpace(string(task)) == "<none>"
}
