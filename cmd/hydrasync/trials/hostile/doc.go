// Package hostile tries whole processes against what nobody honest does: state
// files that were damaged, lost, rolled back or taken from another replica, peers
// that speak the real protocol with one lie in it, and local users who swap
// directories for links while they are written or read.
//
// # State that is not what it was
//
// A mirror lives on, round after round. Between two rounds the tree changes, and
// one state file of the capitol or of the city is damaged: bits flipped, cut, a page
// zeroed, overwritten, lost, or taken back to what it was some rounds before; now and
// then the process was killed first. After at most two runs the trees have to
// be equal again, byte by byte, what a stranger put into the destination untouched,
// and every command has to end by itself, without a panic.
//
// HYDRASYNC_FAULTS says how many rounds there are, HYDRASYNC_SEED which are the first.
package hostile
