// Package tree makes the trees that contestants work on, watches a destination
// become equal to a source, and proves that it is.
//
// Watching is cheap and is what the clock hangs on; the proof is thorough and
// comes after the clock was stopped:
//
//	act ──▶ States (lstat of what is expected) ──Watch──▶ time ──Judge──▶ it counts
//
// A [Watch] looks at one expected path at a time, every millisecond until the
// disk shows it, and then goes on to the next; a path that was right at the first
// look moves no clock. The last paths come first, because they tend to be written last. So a
// tree of any size costs one lstat a path and one a millisecond. What becomes right while
// paths that need no waiting are passed is not seen: times are short by no more
// than that sweep, about a microsecond a path, for every contestant alike.
package tree
