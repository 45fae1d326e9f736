// Package ignore decides which paths of a tree are left out, by patterns in
// the dialect of gitignore(5).
//
// It touches nothing: it is handed the bytes of a pattern file and relative
// paths, and answers. Reading the file and walking the tree are the caller's.
//
//	line ──▶ rule: negated? dir-only? anchored?
//	           └─▶ components, split at '/':   **/  │  a[0-9]*.log
//	                                           deep │  head "a", tail ".log", between [0-9] and *
//
//	path a/b/c ──▶ last rule, …, first rule: the first that matches decides
//
// What it promises:
//
//   - The verdict and the deciding line are git's. The tests compare both with
//     `git check-ignore` over generated patterns and paths.
//   - Names are bytes. Nothing needs to be UTF-8, and case is never folded.
//   - The time for one rule and one path is bounded by the product of their
//     lengths, whatever the pattern; matching allocates nothing.
//   - [Rules] never change and are safe for concurrent use. A nil *Rules
//     ignores nothing.
//
// Order: the last rule that matches a path wins. [Join] puts sources one after
// another, so a later source overrules an earlier one. The watcher joins the
// tree's ignore file first and the patterns from flags or the config after it,
// so that a person at the command line has the last word.
//
// Paths are relative to the tree's root, with single slashes between names and
// none at either end. Only one file at the root is read: the nested pattern
// files that git knows in every directory do not exist here, so anchored
// patterns always start at the tree's root. A symbolic link is no directory,
// whatever it points to.
//
// One deliberate distance: git before 2.52 let "**" cross slashes when literal
// text stands directly before it ("foo**/bar"), against its own manual. Here,
// as in the manual and newer git, it is then an ordinary "*".
package ignore
