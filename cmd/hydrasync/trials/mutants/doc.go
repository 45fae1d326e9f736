// Package mutants plants bugs in hydrasync, one at a time, and demands that a
// named test catches each: the proof that the tests can fail.
//
// A mutant is a text file under testdata. It says what it breaks, which test has to
// fail and with which words, and holds the old text and the new one. The product is never
// touched: the changed file exists beside it, and the compiler is told of it by an overlay.
//
//	testdata/no-fsync.txt ──▶ changed file + overlay ──▶ go test -run '^TestX$' ──▶ it fails, as it should
//	                          no overlay             ──▶ go test -run '^TestX$' ──▶ it passes (control)
//
// A mutant counts as caught when its test ran and failed by an assertion that says what the
// mutant's file announces; a build that fails, a panic and a timeout do not count.
//
//	cheap: yes                      it is part of `make faults`
//	broken: what it breaks, as in docs/testing.md
//	test: ./applier TestName        or TestName/of_a_subtest
//	says: words that the failing test prints
//	env: NAME=VALUE ...             optional, for the test
//	-- old applier/flush.go --
//	-- new --
//
// Every go test ./... checks that the old texts still occur exactly once and that the
// tests exist, and compares the names with the table of docs/testing.md. The mutants
// themselves are tried by
//
//	make faults                               those that say cheap
//	make faults-long                          all
//	go test -v -run TestCampaignMutants ./cmd/hydrasync/trials/mutants -only REGEXP
//	HYDRASYNC_FAULTS=long go test -run TestCampaignMutants ./cmd/hydrasync/trials/mutants -write
//
// The last one writes the table anew, with the times that it took.
package mutants
