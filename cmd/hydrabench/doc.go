// Command hydrabench drives hydrasync, its peers and the bare machine through the same work and
// prints one table: times, ratios, and which marks are reached. It touches processes, a
// directory of its own, and nothing of hydrasync but what everybody can reach.
//
//	row ──▶ attempt: a new directory, a flushed disk
//	          plant a tree ──▶ contestant starts ──▶ equal, at rest
//	                                        deed ──▶ clock ──▶ equal? ──▶ clock stops ──▶ proof
//
// # The same work
//
// Contestants do a row one after the other, and in the opposite order in the next round, on trees
// that are the same to the last byte: the random ones come from fixed seeds. The disk is flushed
// (sync) before each. hydrasync runs as two processes with loopback
// between them and its defaults; where a row says otherwise the table says so. What counts is
// the ratio in one run, not the figure of a day.
//
// # The clock
//
// A clock stops when the destination shows what is expected, for everybody alike, and package
// tree says how that is seen without disturbing. Then both trees are compared byte
// for byte: kinds, names, modes, times, owners, targets, contents. Without that
// proof there is no time. A contestant that fails in one round has failed.
//
// Peers that carry less are compared by what they carry: Mutagen brings neither times nor modes,
// Syncthing no owners. Directory times are left out for all, because hydrasync does not carry them;
// rsync does, and so does a little more.
//
// # Durability
//
// hydrasync flushes what it writes before it moves its position. rsync and cp do not, so their times are
// those of a copy in memory: the column "confirmed" has the time at which the bytes
// were on the disk, where a contestant can say so. For hydrasync that is when the
// city's journal, which is flushed after the bytes, stands where the capitol's
// does; for rsync and cp, when a sync -f after them has ended.
//
// # Bytes on the wire
//
// The kernel is asked what the capitol's sockets carried, both ways (package wire): exact, and for nothing.
//
// # Adding a row
//
// A row says who competes, what is measured, what is to be reached and what to do; it
// stands with its like in one file, and in allRows. Figures are kept in seconds and bytes.
package main
