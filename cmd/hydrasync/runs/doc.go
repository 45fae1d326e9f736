// Package runs keeps the log: of each connection that did something one line in the
// ledger of either end, and one of attempts in vain, however many they were.
//
//	city:     sight ──Hear──▶ City ────┐
//	                                   ├─▶ Log ──▶ ledger
//	capitol:  server ──Visitors──▶ Capitol
//
// # What it promises
//
//   - Nobody waits for it: a ledger that cannot be written is told to the process's own
//     log, and nothing else happens.
//   - At rest nothing is written. A line is written when it begins and when it ends, and
//     at most once a [step] while it goes on and something has come.
//   - What waits to be written is bounded.
package runs
