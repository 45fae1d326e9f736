// Package crash kills capitol and city at every system call that changes
// something, and lets every such call fail.
//
//	operations ──▶ SRC ──▶ capitol ══▶ city ──▶ DST ◀── a reader, all the while
//	                          └─ killat ─┘  the N-th call, of all threads
//
// The real programs run a script of every operation that there is on files. The
// victim runs under killat, which ends it before or after its N-th call, or fails
// the call; SQLite's calls and those of the network count like all others. Then it is started again,
// without killat, and must come to where the other one is:
//
//   - every file says in its first line which version of what it is and with which mode, and in
//     its last a digest: a reader that polls the replica never sees anything else,
//     nor an older version after a newer one, nor a log that shrinks
//   - source and replica are equal: for a walk that compares everything that a file
//     has, for rsync, for hydrasync verify, and by digest and position
//   - the city resumes: no kill costs a position, so none costs a comparison
//   - nothing is left in staging or parked, nor any other file that was not there before
//   - files of others, before and within the replica, are as they were
//
// TestCampaignCrashTwice kills the recovery too, TestCampaignCrashIdle what is done when nothing
// happens, and TestCampaignCrashNobody nobody, but changes the source while it is walked for the
// first time. TestCampaignCrashRefuse answers with EIO, ENOSPC, EDQUOT, EACCES,
// EROFS, EMFILE or ENOMEM, once or until the cause is gone: what the
// processes say of themselves meanwhile is compared with what is; only a start may
// end with an error; afterwards all is well without help.
//
// HYDRASYNC_FAULTS=ci is a larger part, on ext4, XFS and btrfs in files; =long is all of
// it. A failure prints how to repeat it; HYDRASYNC_POINT="ext4 city" is all of that beginning,
// HYDRASYNC_POINTS=100 how many of them, HYDRASYNC_SEED which,
// HYDRASYNC_WORKERS how many at once, HYDRASYNC_TRIAL_KEEP=DIR keeps what failed.
package crash
