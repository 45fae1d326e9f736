package applier

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"hash/crc32"
	"io"
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
	Entry   journal.Entry
	Made    object // what was made for it in staging; zero: nothing
	Adopted bool   // Made is a stranger's, which the set took as it was
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
	if err := writeIntent(r.folders.intent, r.intended()); err != nil {
		return err
	}
	return r.flushStaged()
}

// intended are the tasks that are still to do.
func (r *round) intended() []intended {
	var tasks []intended
	for _, t := range r.tasks {
		if t.state == todo {
			e := t.entry
			e.Change.Was, e.Path = t.was, ""
			if !t.known && t.old.Node.ID == 0 { // recover only removes it
				e.Change.Node = journal.Node{ID: t.node.ID, Parent: t.node.Parent, Name: t.node.Name, Kind: t.node.Kind}
			}
			i := intended{Entry: e, Made: t.made}
			if i.Adopted = t.adopted && t.made.Ino == 0; i.Adopted {
				i.Made = object{t.old.Seen.Ino, t.old.Seen.BTime}
			}
			tasks = append(tasks, i)
		}
	}
	return tasks
}

const intentHead = 12

var checksum = crc32.MakeTable(crc32.Castagnoli)

func writeIntent(f *beneath.File, tasks []intended) error {
	text := bytes.NewBuffer(make([]byte, intentHead))
	if err := gob.NewEncoder(text).Encode(tasks); err != nil {
		return err
	}
	b := text.Bytes()
	binary.BigEndian.PutUint64(b, uint64(len(b)-intentHead))
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(b[intentHead:], checksum))
	_, err := f.WriteAt(b, 0)
	return err
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
	size := binary.BigEndian.Uint64(b)
	if size == 0 || size > uint64(len(b)-intentHead) {
		return nil, nil
	}
	text := b[intentHead : intentHead+size]
	if crc32.Checksum(text, checksum) != binary.BigEndian.Uint32(b[8:]) || gob.NewDecoder(bytes.NewReader(text)).Decode(&tasks) != nil {
		return nil, nil
	}
	return tasks, nil
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
// process that had it before was killed.
func openIntent(state *beneath.Dir) (f *beneath.File, killed bool, err error) {
	f, err = state.Write(intentName)
	if beneath.IsErrno(err, unix.ENOENT) {
		f, err = state.Create(intentName, 0o600)
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
