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
//
// In TestCampaignNetwork each machine has a network of its own, with a cable to a bridge that
// can be cut; a firewall lets nobody in to a city. All have joined by codes: registry, two
// capitols, relays and cities. A city that may have a part of one tree is searched for the rest
// of it, and a directory that is no root and no tree tells who was in it. It needs root.
package relays
