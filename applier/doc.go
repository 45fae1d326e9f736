// Package applier makes a destination tree equal to what a capitol says, and is
// alone in touching that tree. It keeps the city's journal: a row is what the
// disk holds, and is written only when the disk holds it for good.
//
//	Set (node states) ─▶ plan ─▶ stage ─▶ commit ─▶ place ─▶ clear ─▶ flush ─▶ journal.Record
//	                     rows    staging/  intent,   renames  trash    dirs     position
//	                             digests   fsync
//
// One algorithm applies any set of node states, live, catch-up or full
// comparison: contents are made ready beside the tree, then names are put in
// order by renames. A node whose wanted name is held by another changes places
// with it, so swaps and cycles of names need no special case, and a moved
// directory costs one rename whatever is in it.
//
// # What it promises
//
//   - A reader of the tree sees an old file or a new one, never half of one;
//     appends excepted, which grow a file in order at its end.
//   - Apply returns nil only when everything it recorded is flushed: bytes first, then
//     names, then the journal. A crash at any call leaves work to be repeated, nothing lost.
//   - A set whose connection breaks ends before its first rename or not at all. One that is
//     killed between its first rename and its record is put in order by the next
//     Open, from its intent: rows and disk agree before anything else happens.
//   - What was not made by hydrasync is left alone. Where it stands in the way,
//     and where somebody edited the replica, the version goes to the trash.
//   - A path that cannot be made (permission, immutable, a name that this file
//     system refuses) blocks only itself, is listed, and is tried again.
//   - Nothing is written outside the root; see package beneath.
//   - A mass delete holds until a person confirms it.
//   - A set after which the tree would be larger than its quota is refused as a whole, before
//     anything of it is fetched. What would take the disk's free space below the floor waits,
//     and all else goes on.
//
// # Large contents
//
// Of an edited file only what the old one lacks is fetched, see patch and package
// chunk. The digest over what was put together decides whether it counts.
//
// # Where state lives
//
//	DEST/.hydrasync/        0700, on the same file system as DEST
//	    journal.db          the city's journal, with its lock
//	    chunks/             what large files consist of; a cache
//	    staging/            contents on their way; emptied by Open
//	    parked/             nodes that made way and have no place yet
//	    trash/TIME-SEQ/…    what was replaced or removed, by its path
//	    intent              which names a set is about to change, while it does
//	    hold.json           a mass delete that waits for a person
//
// The name ".hydrasync" at the root of a tree is never replicated.
//
// # Limits
//
//   - A mount point beneath DEST is another file system: a rename cannot reach
//     it, so nodes there are listed as failed.
//   - Runs of zeros of 32 KiB and more become holes whether or not they were at
//     the source, which the journal does not say.
//   - Between the calls of one set, a directory that somebody moves out of DEST
//     is still written to; it is opened anew for the next set.
package applier
