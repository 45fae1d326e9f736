// Killat runs a program and kills it at exactly the N-th system call that
// changes something, counted over all its threads, or makes that call fail.
//
//	killat -n 17 -at exit   -- hydrasync city …    killed when the 17th call has been made
//	killat -n 17 -at entry  -- hydrasync city …    … is about to be made
//	killat -n 17 -at ENOSPC -- hydrasync city …    the 17th call fails
//	killat                  -- hydrasync city …    only counts
//
// A seccomp filter stops the program at the calls that might count and nowhere else, so
// that what is not counted runs at its own speed; ptrace(2) tells of each
// stop, looks at the arguments and decides. The count is exact; with several
// threads the N-th call is not the same in every run, so its name is logged.
//
// It knows the registers of amd64 only.
package main
