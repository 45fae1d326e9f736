// Package trials tries the built program on real trees, as a person would:
// real processes, real kills, a network that is cut, a source that is
// unmounted. It touches nothing of hydrasync but its command line, and it
// believes nothing that hydrasync says of itself: the judge is rsync, and a
// walk of its own that compares every byte.
//
//	storm ──▶ SRC ──▶ capitol ══(proxy that cuts)══▶ city ──▶ DST
//	            └───────────────── judge ────────────────────┘
//
// The trials need rsync, and some of them root; what is missing is named when
// one is skipped. HYDRASYNC_TRIAL_SECONDS lengthens the storms, HYDRASYNC_TRIAL_SEED
// repeats one, HYDRASYNC_TRIAL_KEEP=DIR keeps both trees and the state of a failure.
package trials
