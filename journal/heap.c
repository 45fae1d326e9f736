// SQLite's memory is the C library's, which keeps up to eight heaps a core, so that threads
// do not wait for each other; a journal has one writer and few readers, and
// each heap keeps some hundred kilobytes. See mallopt(3). Set before Go begins its
// threads, for it is read once.

#include <stdlib.h>

#ifdef __GLIBC__ // musl has one heap in any case

#include <malloc.h>

__attribute__((constructor)) static void one_heap(void) { mallopt(M_ARENA_MAX, 1); }

void hydrasync_free_os_memory(void) { malloc_trim(0); }

#else

void hydrasync_free_os_memory(void) {}

#endif
