// Package memory is a file system in memory that loses what was not flushed: a
// [beneath.Kernel] for tests, which make and crash thousands of trees a second.
//
//	applier ──▶ beneath ──▶ Disk ──Crash──▶ Disk, as the next process finds it
//	                          └─ Seen: what a reader of the tree may meet at any moment
//
// It does what Linux does with names, errnos included, for a process of root's. A
// call is one step: nobody sees the middle of it.
//
// # What a crash leaves
//
// Each change of names is whole or never was. A file's bytes and attributes are
// on disk after Sync of it; a name, in the weak kind, after Sync of its directory,
// in whatever order. In the other kind, the one with a log of its own as ext4 and XFS have
// it, the first n changes of names are there, and any Sync puts down all that came
// before it. Of what was not flushed a crash keeps nothing, all, or what its dice
// say; of a file that grew, its beginning.
//
// # Limits
//
// No holes, no shared blocks, no immutable files, no quotas, no permissions. Inode
// numbers are used again, births tell them apart, and no two changes have the same time.
package memory
