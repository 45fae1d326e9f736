package journal

/*
extern void hydrasync_free_os_memory(void);
*/
import "C"

// FreeOSMemory gives what SQLite no longer uses back to the system, as
// [runtime/debug.FreeOSMemory] does for Go's heap. See malloc_trim(3).
func FreeOSMemory() { C.hydrasync_free_os_memory() }
