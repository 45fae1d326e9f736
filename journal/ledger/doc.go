// Package ledger is what a machine knows of others: which cities have joined it,
// what each may have, which join codes are out, where it is reached, what ran, and how
// each replica was when it was last heard of. It touches one SQLite file, ledger.db in the
// machine's state folder.
//
//	invite ──▶ invites ──join──▶ cities ◀── revoke, rotate, grant
//	                               │
//	          gate of a running capitol: Admit, Watch
//
// # What it promises
//
//   - No secret is in the file: of credentials and of codes it has SHA-256. They
//     are random and long, so nothing slower is needed. A [Secret] shows itself
//     only by Reveal, never to a log, a %v or a JSON encoder.
//   - A code is redeemed once, however many try at the same time: that and the
//     credential that it is redeemed with are one transaction, on disk before
//     anybody is told. Who has that credential too may ask again.
//   - What is not granted is refused: a city without a line of its own has nothing.
//   - What ran is kept for [KeepRuns] and not longer, and so many of them at most:
//     whoever knocks in vain pushes no session out.
//   - Several processes may have it open. Who watches hears of what another one
//     changed within [watchStep].
package ledger
