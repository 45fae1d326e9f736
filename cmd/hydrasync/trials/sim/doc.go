// Package sim lets a capitol, a wire and cities live in one process, in no time, and
// lets everything happen to them in every order that a seed says.
//
//	source ──▶ journal ──▶ stream.Server ══ wire ══ stream.Client ──▶ follow ──▶ applier ──▶ memory.Disk
//	  (a tree in memory)          ▲            ▲                                    │
//	                              │        schedule: which of all that waits      ◀─┘
//	                              └──────── goes on, breaks, or waits longer
//
// Every changing call of a city's disk and every write to the wire waits until the
// schedule lets it pass. When all goroutines wait (testing/synctest), the dice choose: a call
// passes or fails, a message arrives, the connection breaks or swallows what it is
// given, time passes, the source changes, a city is killed or its machine loses its
// power with some of what was not flushed, the capitol starts anew, with an older journal
// or with none. At last all faults end, and the laws are looked at:
//
//   - equal: soon every city has what the source has, and says so (L1, L9).
//   - no torn file: whatever a name in the tree leads to was a version (L2).
//   - confirmed is there: after a crash the disk has what its journal says (L4).
//   - strangers' files are where they were, or in the trash (L6).
//   - honest: who says "in step" at a position has the tree of that position (L10).
//
// Everything but the watcher is the product's own code; the journals are SQLite's
// files, on a file system in memory.
//
//	go test -run TestCampaignSimulation ./cmd/hydrasync/trials/sim
//
// HYDRASYNC_SEED and HYDRASYNC_SEEDS say which histories. Those of odd seeds are harsh: relays,
// calls of disks that fail, full disks.
//
// # Limits
//
// Some twenty histories a second and core: the journals are real, and SQLite takes half of the
// time. The runtime's own dice (a select of two that are ready, which of two goroutines
// runs first) are not in the seed's hands: some seeds have two stories, and who plays a failure
// again may have to do so several times. That most have one, a test looks at.
package sim
