// Package power takes the power away from the built program, again and again,
// and looks at what is on the disk then.
//
//	script ──▶ SRC ──▶ capitol ══▶ city ──▶ DST on a file system
//	              (or its --state) ────────▶ on a file system
//	                                            on a loop device
//	                                               over a file served by FUSE, from memory:
//	                                                  every write and every flush is written down
//
// While a script of all operations runs, the block log grows. After each step the
// test waits until the capitol has the city's confirmation, and notes how long the
// log is then. A crash state is a prefix of the log: every write up to the last
// flush in it, and of the later ones what a disk with a cache may have kept: all, none,
// each with probability ½, or each block of 4 KiB with probability ½. No process
// is killed and nothing depends on timing: one recording gives thousands of states.
//
// In every state the image mounts, what was confirmed at or before that point is there
// and whole, everything visible is one version that the source had, no journal
// is damaged and no confirmed row is gone. In a share of the states the program starts
// on what is left and comes back equal to the source, without help.
//
// Beside the block log: file systems that are shut down by ioctl, which the program
// sees.
//
// # How big a run is
//
// HYDRASYNC_FAULTS unset: some dozen states on ext4, with and without its journal. ci: more,
// and on XFS. long: thousands each on ext4 (ordered, writeback, without journal), XFS and
// btrfs; HYDRASYNC_STATES says how many of a recording, 0 every prefix of its log in every way.
// HYDRASYNC_SEED and HYDRASYNC_SEEDS say where the scripts' and states' seeds begin and how many there
// are; HYDRASYNC_TRIAL_KEEP=DIR keeps the image of a state that failed, to be
// mounted with -o loop; HYDRASYNC_BINARY=FILE tries that program instead of
// building this one.
//
// # Limits
//
//   - A write of 4 KiB is all or nothing here, and a flush that was answered holds. Disks
//     that tear a block, or lie about flushes, are outside what is promised.
//   - Of ext4 without journal, e2fsck makes a file system again before it is mounted. There a
//     log may have its new length before its new bytes, until the append is confirmed.
package power
