// Package watcher turns what happens in a directory tree into journal entries.
// It touches the source tree, reading only, and is the sole importer of
// fsnotify.
//
//	kernel ──▶ notify ──▶ dirty ──due──▶ look ──▶ journal.Append
//	           (hints)    (paths,        ▲  │
//	                      when)          │  │ directories to compare
//	                               names │  ▼
//	           reconcile, poll ────────▶ walk (compares listings, reads ahead)
//
// An event is a hint and never leaves notify: it only makes a path dirty. The
// one function that decides is look: it takes dirty paths, whatever made them
// dirty, asks the disk what is there and the journal what was there, and
// appends the difference. So events and reconcile make the same entries, and
// nothing is appended when nothing changed.
//
// What it promises:
//
//   - A file is appended as soon as nobody holds it open for writing; else
//     after the quiet window; at max-wait at the latest. Its digest is of bytes
//     that were the same before and after the reading, or of the old part
//     of a file that only grows.
//   - A large file is listed as chunks while it is hashed. Where the list before shows that it begins
//     as before, that part is believed, and read again in the background.
//   - A moved file or directory keeps its node: a name is new, its inode and
//     birth time are known, and the old name no longer shows them. Hard links
//     share a link group exactly while two names of the tree share an inode.
//   - A deletion comes from ENOENT only, beneath the root that was
//     opened, after one quiet window without the node turning up elsewhere.
//     Whatever cannot be read, or lies on another file system, or is mounted in the tree, stays in the journal
//     as it was and is listed in [Status].
//   - Directories without a watch (limit, over-long path) are polled and listed.
//   - Nothing follows a symbolic link, and FIFOs, sockets and devices are never opened.
//   - Memory is bounded: the dirty set widens from names to directories to the
//     whole tree, walks stream their findings, and what a burst grew is given back at rest.
//
// What it costs. A change alone is looked at at once; most of its time is the
// journal's flush. A burst is looked at when it pauses and now and then while it
// goes on, see pace: its files are read once, in batches. The lines of a log that
// somebody holds open wait for each other up to appendPause. A reconcile of an unchanged
// tree is one listing a directory, one stat a name and one page of rows per some
// hundred names, merged in the order of names; two walkers share it.
//
// Limits. A file that somebody holds open and changes in place beyond max-wait
// is appended when two readings agree, which may be in the middle of a slow
// write; the rest follows. Two files exchanged in the instant in which their
// directory moves may become new nodes, with content that every city has. A
// write through a hard link that came and went between two looks, through a hard
// link outside the tree, or through mmap makes no event here and is found by the
// next reconcile; a store into a mapping that leaves no trace in the times, on tmpfs
// or into a page that was dirty already, when the file is read again, see suspects. A walk takes memory for as many names as the largest
// directory has. Paths that a new ignore rule covers get no more changes and
// stay in the journal as they are.
package watcher
