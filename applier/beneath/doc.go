// Package beneath is the one place from which hydrasync touches a destination
// tree. Every call acts on a directory that was opened beneath a root and on a
// single name in it, so that nothing outside the root can be reached however
// the tree is swapped while we work.
//
//	Root ──Dir("a/b")──▶ Dir ──Create, Rename, Stat … (one name)──▶ File
//	        openat2          *at calls, never following           calls on the
//	        BENEATH          a link                               descriptor
//	        NO_SYMLINKS
//	        NO_MAGICLINKS
//
// # What it promises
//
//   - No symbolic link is followed, neither out of the root nor inside it. Where
//     openat2 is missing (before Linux 5.6, or forbidden by a sandbox), each
//     component is opened with openat(O_NOFOLLOW|O_DIRECTORY), which confines
//     as well and only costs more. os.Root is not used for that: it follows
//     links that stay inside, and it knows neither exchange nor attributes.
//   - Owner, mode, times and attributes are set on descriptors (of symbolic links
//     by calls that do not follow), never by a path.
//   - Paths may be longer than PATH_MAX: they are opened in pieces.
//
// A directory that is moved out of the root by somebody else while a Dir of it
// is open is still written to. Keep a Dir no longer than one set of changes.
//
// Errors are *[Error]: the call, the name, and the errno.
package beneath
