// Package stand is what all trials stand on: the program is built once, runs as
// real processes, is asked how it is, and two trees are judged without believing
// anything that hydrasync says of them.
//
//	Main ── builds ──▶ program ◀── Start · Run · Launch
//	                      │
//	      Says · Await · Status ── what it prints, does, answers
//	                      │
//	 SRC ─────────── Judge · Equal ──────────── DST
//
// Only tests import it. It touches nothing of hydrasync but its command line and the
// socket that status asks. HYDRASYNC_BINARY=FILE tries that program instead of one built here.
//
// # Limits
//
// An address is this process's own as long as no more than some thousand are asked for.
package stand
