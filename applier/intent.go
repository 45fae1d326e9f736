package applier

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"slices"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// intentName is the file in the state folder that says which names a round is
// about to change. It is overwritten in place: a length, a checksum, the tasks. It
// is on disk before the first rename: after one that is torn there was none.
const intentName = "intent"

// intended is a task as the intent has it: enough to know its object again.
type intended struct {
	Entry   journal.Entry // without what [journal.Entry.Append] leaves out
	Made    object        // what was made for it in staging; zero: nothing
	Adopted bool          // Made is a stranger's, which the set took as it was
}

// commit is the point of no return: it writes the intent and flushes it with what
// is staged, and from here on a
// cancelled context, such as that of a connection that was cut, no longer ends
// the round. Half of the names would be in their new places and the rows
// would say that they are in the old ones. What follows does not wait for the network.
// Where no name changes, as when a log grows, there is nothing to find again.
func (r *round) commit() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.detach()
	if !slices.ContainsFunc(r.tasks, (*task).renames) {
		return r.flushStaged()
	}
	r.committed = true
	if err := writeIntent(r.folders.intent, r.intended); err != nil {
		return err
	}
	return r.flushStaged()
}

// intended are the tasks that are still to do.
func (r *round) intended(yield func(intended) bool) {
	for _, t := range r.tasks {
		if t.state != todo {
			continue
		}
		e := t.entry
		e.Change.Was = t.was
		if !t.known && t.old.Node.ID == 0 { // recover only removes it
			e.Change.Node = journal.Node{ID: t.node.ID, Parent: t.node.Parent, Name: t.node.Name, Kind: t.node.Kind}
		}
		i := intended{Entry: e, Made: t.made}
		if i.Adopted = t.adopted && t.made.Ino == 0; i.Adopted {
			i.Made = object{t.old.Seen.Ino, t.old.Seen.BTime}
		}
		if !yield(i) {
			return
		}
	}
}

const (
	intentHead = 12
	objectSize = 1 + 8 + 8 + 4 // whether adopted, and an object
)

var checksum = crc32.MakeTable(crc32.Castagnoli)

func writeIntent(f *beneath.File, tasks iter.Seq[intended]) error {
	b := make([]byte, intentHead)
	for i := range tasks {
		b = i.append(b)
	}
	binary.BigEndian.PutUint64(b, uint64(len(b)-intentHead))
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(b[intentHead:], checksum))
	_, err := f.WriteAt(b, 0)
	return err
}

func (i *intended) append(b []byte) []byte {
	adopted := byte(0)
	if i.Adopted {
		adopted = 1
	}
	b = binary.BigEndian.AppendUint64(append(b, adopted), i.Made.Ino)
	b = binary.BigEndian.AppendUint64(b, uint64(i.Made.Born.Sec))
	return i.Entry.Append(binary.BigEndian.AppendUint32(b, uint32(i.Made.Born.Nsec)))
}

// cut takes off b what append wrote.
func (i *intended) cut(b []byte) (rest []byte, err error) {
	if len(b) < objectSize {
		return nil, io.ErrUnexpectedEOF
	}
	i.Adopted = b[0] == 1
	i.Made.Ino = binary.BigEndian.Uint64(b[1:])
	i.Made.Born.Sec = int64(binary.BigEndian.Uint64(b[9:]))
	i.Made.Born.Nsec = int32(binary.BigEndian.Uint32(b[17:]))
	i.Entry, rest, err = journal.CutEntry(b[objectSize:])
	return rest, err
}

// readIntent gives nothing if there is no whole intent.
func readIntent(f *beneath.File) (tasks []intended, err error) {
	st, err := f.Stat()
	if err != nil || st.Size < intentHead {
		return nil, err
	}
	b := make([]byte, st.Size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return parseIntent(b), nil
}

func parseIntent(b []byte) (tasks []intended) {
	if len(b) < intentHead {
		return nil
	}
	size := binary.BigEndian.Uint64(b)
	if size == 0 || size > uint64(len(b)-intentHead) {
		return nil
	}
	text := b[intentHead : intentHead+size]
	if crc32.Checksum(text, checksum) != binary.BigEndian.Uint32(b[8:]) {
		return nil
	}
	var err error
	for len(text) > 0 {
		var i intended
		if text, err = i.cut(text); err != nil {
			return nil
		}
		tasks = append(tasks, i)
	}
	return tasks
}

// The heads of an intent without tasks: a process that may still change things
// has it, or none has.
var (
	idle   = [intentHead]byte{intentHead - 1: 1}
	closed [intentHead]byte
)

// dropIntent says that rows and disk agree again.
func dropIntent(f *beneath.File) error {
	_, err := f.WriteAt(idle[:], 0)
	return err
}

// endIntent says that nobody changes anything any more, unless there is something to
// be finished. If it fails, the next process is a little less sure than it could be.
func endIntent(f *beneath.File) {
	if tasks, err := readIntent(f); err == nil && len(tasks) == 0 {
		f.WriteAt(closed[:], 0)
	}
}

// openIntent opens the file, made if it is not there, and says whether the
// process that had it before was killed. A new one has to be found after a crash: its
// name is flushed, and that of the state folder in what it is in.
func openIntent(in, state *beneath.Dir) (f *beneath.File, killed bool, err error) {
	f, err = state.Write(intentName)
	if beneath.IsErrno(err, unix.ENOENT) {
		if f, err = state.Create(intentName, 0o600); err == nil {
			err = errors.Join(state.Sync(), in.Sync())
		}
		return f, false, err
	}
	if err != nil {
		return nil, false, err
	}
	var head [intentHead]byte
	n, err := f.ReadAt(head[:], 0)
	if err == io.EOF {
		err = nil
	}
	return f, n == intentHead && head != closed, err
}
