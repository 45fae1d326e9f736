// Package journal keeps one tree's journal: a SQLite file with the entries and
// the current state of every node. It alone touches the database file, and it
// imports nothing else of hydrasync: the nouns that the rooms share live here.
//
//	watcher ──Append──▶ ┌──────── journal.db ────────┐ ──Follow, All──▶ stream
//	                    │ head     epoch seq digest  │
//	applier ──Record──▶ │ nodes    one row a node    │ ──Wait──▶ a wake-up
//	                    │ entries  the log, retained │
//	                    └────────────────────────────┘
//
// A node is a row with its id, its parent's id and its own name; a path is
// derived. Moving or removing a directory is therefore one row and one entry
// whatever is in it. The rows beneath a removed directory are unreachable at
// once and deleted in the background.
//
// # What it promises
//
//   - Append and Record are one transaction, flushed to disk before they return
//     (WAL, synchronous=FULL). Calls that arrive together share one flush.
//   - Sequence numbers have no gaps and are never used again, and an unchanged
//     state makes no entry.
//   - Every directory row carries the sum over all that is beneath it, kept up
//     to date with each change, so the tree digest of the whole tree or of any
//     sub_dir costs no walk. The tree digest is remembered with each entry:
//     a position from a rolled-back or foreign journal does not match.
//   - A reader is a [Cursor], not a queue: a slow or absent reader costs
//     nothing. It sees each changed node once, in its newest state, parents
//     before children.
//   - A damaged file is never served: Open puts it aside. What shows only later (in a
//     row that is none, or in sums that are not those of the rows, which a reader's doubt
//     has looked for) closes [Journal.Damaged], and the next Open puts the file aside.
//   - A second process that opens the file gets an [InUseError] naming the first.
//
// # What it costs
//
// A call into SQLite, and what database/sql does for each column, costs more
// than a row. So SQLite packs many rows into one value before it hands them out
// (packs.go), all that is not searched for is one blob (stored.go), new rows go in
// by the dozen (write.go), and the directories above what is read or written come
// with one query. No query goes through a table (plan_test.go): what a reader costs
// follows what it reads. When nothing is written for a while, the writer tidies up
// in short steps and gives the memory of the page caches back (tidy.go).
//
// On a city the same package keeps the city's own journal, with the capitol's
// epoch and sequence numbers: there Record takes the place of Append.
package journal
