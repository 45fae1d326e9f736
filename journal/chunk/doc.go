// Package chunk cuts contents into pieces whose borders depend on the bytes
// alone, so that two ends which never compare notes find what they have in common
// after an edit anywhere: what lies between two edits is cut as before, wherever
// it lies now.
//
//	bytes ──Cutter──▶ List {length, hash}… ──▶ Store (a file a content, bounded)
//	                        │
//	      have, want ──Plan──▶ spans: copy from there, or fetch
//
// It imports nothing of hydrasync. Lists are no proof: their hashes are short and
// not cryptographic, and a peer's list may say anything. Whoever puts a content
// together by lists compares its SHA-256 in the end.
//
// # The cut
//
// A rolling gear hash of the last [window] bytes is compared with a threshold after
// each byte: below it, a chunk ends. The method, and the two thresholds around the
// wished length that keep lengths close to it, are from Xia et al., "FastCDC: a Fast
// and Efficient Content-Defined Chunking Approach for Data Deduplication" (USENIX
// ATC 2016) and "The Design of Fast Content-Defined Chunking for Data Deduplication
// Based Storage Systems" (IEEE TPDS 2020). Here the hash is warm when the first byte is
// judged, so a border depends on nothing but the bytes around it and the border before.
//
// The table, the thresholds and the lengths are part of the wire: both ends and
// all versions have to cut alike. A test pins them.
//
//	length  0 ─────────── min ────────── usual ────────────────── max
//	            skipped         rarely            often            cut
//
// # Predicted cuts
//
// A list of an earlier version predicts: as long as the bytes of a chunk hash as
// before, its border is the same, and the fast hash alone is needed. Only where it
// differs are bytes judged one by one.
package chunk
