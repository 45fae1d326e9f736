// Package relays tries many machines at once: chains and trees of relays, and
// plans that are edited while files change, with the built program, a process for
// each machine, and rsync as judge in the end.
//
// Every run has a seed, which it prints: HYDRASYNC_SEED repeats it. HYDRASYNC_FAULTS
// says how large it is: unset for the ordinary tests, "ci", or "long" for ten relays
// with a hundred cities.
//
//	churn ──▶ src ◀─ capitol ◀── relay ◀── relay ◀── city     kill -9 anybody, at any time
//	                    ▲                                     edit the plan, kill the registry
//	                    └─────── every replica, by the judge, when all is still
package relays
