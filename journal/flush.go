package journal

/*
extern long hydrasync_flushes(void);
*/
import "C"

// flushes counts what SQLite flushed by way of flush.c, in this process.
func flushes() int64 { return int64(C.hydrasync_flushes()) }
