package journal

/*
#include <stddef.h>

// Only the GNU library has it, and needs it.
extern int malloc_trim(size_t pad) __attribute__((weak));

static void trim(void) {
	if (malloc_trim) malloc_trim(0);
}
*/
import "C"

// trimMalloc returns the memory that SQLite has freed to the system. The C
// library keeps it otherwise, in the arena of each thread that ever made a call.
func trimMalloc() { C.trim() }
