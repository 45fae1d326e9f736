// Command hydrasync replicates directory trees one way, in real time. This
// package touches flags, the config file, signals, the terminal and exit codes,
// and joins the rooms, which never import one another:
//
//	          serve.go                                follow
//	tree ──▶ watcher ──▶ journal ──▶ stream server ══▶ stream client ──▶ applier ──▶ tree
//	             ▲                                          │               ▲
//	             └────────── admin.go: a unix socket in each state folder ──┘
//
// One file per subcommand (mirror, capitol, city, run, tail, verify, status,
// confirm, config, version) says what a person may ask for; the rest is glue.
//
// # What it promises
//
//   - Whatever is wrong with flags, config or directories is said before
//     anything is touched, with a hint about what to type, and the exit code
//     that names the kind: 0 done or equal, 1 failed or differs, 2 usage or
//     config, 3 held until a person confirms, 4 already running on this state.
//   - A first SIGINT or SIGTERM ends everything cleanly, within [patience]; a second ends at once.
//   - Every goroutine is waited for: one errgroup per process.
package main
