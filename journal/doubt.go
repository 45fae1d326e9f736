package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// suspectSuffix names the file that remembers, beside a journal, that it is damaged:
// what is written into the journal itself may not arrive. The next Open takes both away.
const suspectSuffix = ".suspect"

// After a look through the whole file the next waits: doubts cost little of a
// processor, however often somebody has them.
const (
	doubtPause  = time.Minute
	doubtFactor = 50 // times what the last look took
)

// doubts are what is known of the file's soundness.
type doubts struct {
	mu     sync.Mutex // guards what follows
	found  chan struct{}
	known  bool      // found is closed
	busy   bool      // somebody looks through the file
	next   time.Time // no look before
	ctx    context.Context
	cancel context.CancelFunc
	looks  sync.WaitGroup
}

func newDoubts() *doubts {
	ctx, cancel := context.WithCancel(context.Background())
	return &doubts{found: make(chan struct{}), ctx: ctx, cancel: cancel}
}

func (d *doubts) damaged() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known
}

func (d *doubts) end() {
	d.mu.Lock()
	d.cancel()
	d.mu.Unlock()
	d.looks.Wait()
}

// Damaged is closed as soon as the file is known to be damaged: by SQLite, by a row
// that is none, or by what [Journal.Doubt] found. Nothing more that it says is to be
// believed: whoever has it open closes it, and the next Open begins a new epoch.
func (j *Journal) Damaged() <-chan struct{} { return j.doubts.found }

// judge passes an error on; damage is remembered.
func (j *Journal) judge(err error) error {
	if err == nil || !errors.Is(err, ErrDamaged) {
		return err
	}
	if failed := readable(j.cfg.Path); failed != nil {
		return failed
	}
	d := j.doubts
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known {
		return err
	}
	d.known = true
	close(d.found)
	if j.writer != nil { // a reader beside it leaves that to the process that has it
		f, failed := os.Create(j.cfg.Path + suspectSuffix)
		if failed == nil {
			failed = errors.Join(f.Sync(), f.Close())
		}
		j.cfg.Log.Error().Err(errors.Join(err, failed)).Str("path", j.cfg.Path).Msg("journal is damaged")
	}
	return err
}

// judgeWrite is judge for changes: those that do not fit to what is there may
// say that what is there is wrong.
func (j *Journal) judgeWrite(err error) error {
	if taken := (*NameTakenError)(nil); errors.Is(err, ErrOrphan) || errors.Is(err, ErrInvalid) || errors.As(err, &taken) {
		j.Doubt()
	}
	return j.judge(err)
}

// Doubt has the whole file looked through, soon and beside all else, because
// somebody saw what a sound journal does not say; see [Journal.Damaged]. It does
// not wait, and doubts in a row have one look.
func (j *Journal) Doubt() {
	d := j.doubts
	d.mu.Lock()
	defer d.mu.Unlock()
	began := time.Now()
	if d.busy || d.known || d.ctx.Err() != nil || began.Before(d.next) {
		return
	}
	d.busy = true
	d.looks.Go(func() {
		_ = j.Examine(d.ctx) // damage is remembered
		d.mu.Lock()
		d.busy, d.next = false, time.Now().Add(max(doubtPause, doubtFactor*time.Since(began)))
		d.mu.Unlock()
	})
}

// Examine looks through the whole file: its pages, its indices, every row, and
// whether the sums that directories keep are those of what is beneath them. The
// error is an [ErrDamaged] if anything does not fit.
func (j *Journal) Examine(ctx context.Context) error {
	return j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		for _, question := range []string{"PRAGMA integrity_check(1)", oddNodes, oddEntries} {
			var verdict string
			if err := tx.QueryRowContext(ctx, question).Scan(&verdict); err != nil {
				return wrap("examine journal", err)
			}
			if verdict != "ok" {
				return fmt.Errorf("examine journal: %w: %s", ErrDamaged, verdict)
			}
		}
		if err := examineLog(ctx, tx); err != nil {
			return err
		}
		return examineSums(ctx, tx, h)
	})
}

// What no row of this package's is: SQLite lets any column have any type, and what
// is text to it by one flipped bit has another length.
const (
	oddNodes = `SELECT coalesce((SELECT 'node ' || id || ' has values of other types' FROM nodes WHERE gone NOT IN (0, 1) OR
		typeof(parent) || typeof(gone) || typeof(seq) || typeof(key) || typeof(link) || typeof(name) || typeof(line) || typeof(sum) NOT IN
		('integerintegerintegerintegerintegerblobblobblob', 'integerintegerintegerintegerintegerblobblobnull') LIMIT 1), 'ok')`
	oddEntries = `SELECT coalesce((SELECT 'entry ' || seq || ' has values of other types' FROM entries WHERE
		typeof(node) || typeof(stamp) || typeof(line) != 'integerblobblob' LIMIT 1), 'ok')`
)

// examineLog reads every entry.
func examineLog(ctx context.Context, q querier) error {
	for since := Seq(0); ; {
		found, err := entriesIn(ctx, q, nil, since, packRows)
		if err != nil || len(found) == 0 {
			return err
		}
		since = found[len(found)-1].Seq
	}
}

// shelf is a directory while sums are compared.
type shelf struct {
	parent NodeID
	self   Sum
	said   Sum // to be beneath it
	adds   Sum // what is there
}

// examineSums adds up what is in each directory, and compares with what it keeps. It
// holds the directories in memory, not the files.
func examineSums(ctx context.Context, q querier, h head) error {
	shelves := map[NodeID]*shelf{}
	adds := map[NodeID]Sum{} // files and links, by directory
	root := Root
	err := eachLive(ctx, q, func(s *Stored) error {
		n := &s.Node
		if h.role == Capitol || n.ID > 0 && n.Parent > 0 {
			if err := n.Validate(); err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
		}
		if n.Parent == Parked && n.Name == "" {
			root = n.ID
		}
		if part := SumOf(n); n.Kind == Dir {
			shelves[n.ID] = &shelf{parent: n.Parent, self: part, said: s.Beneath}
		} else {
			adds[n.Parent] = adds[n.Parent].Plus(part)
		}
		return nil
	})
	if err != nil || shelves[root] == nil {
		return err
	}
	for id, part := range adds {
		if s := shelves[id]; s != nil {
			s.adds = s.adds.Plus(part)
		}
	}
	for _, s := range shelves {
		if up := shelves[s.parent]; up != nil {
			up.adds = up.adds.Plus(s.self).Plus(s.said)
		}
	}
	placed := map[NodeID]bool{root: true}
	for id, s := range shelves {
		if s.adds != s.said && climbs(shelves, placed, id) { // others are removed piece by piece
			return fmt.Errorf("%w: directory %d does not hold what it says", ErrDamaged, id)
		}
	}
	if all := shelves[root].self.Plus(shelves[root].said).Digest; h.role == Capitol && all != h.pos.Digest {
		return fmt.Errorf("%w: the tree digest is not that of the nodes", ErrDamaged)
	}
	return nil
}

// climbs says whether a directory is in the tree.
func climbs(shelves map[NodeID]*shelf, placed map[NodeID]bool, id NodeID) bool {
	for hops := 0; hops <= len(shelves); hops++ {
		if placed[id] {
			return true
		}
		s := shelves[id]
		if s == nil {
			return false
		}
		id = s.parent
	}
	return false // a circle
}

// eachLive reads every row by itself, whether it ends where it says or not, and shows those
// that are not tombstones.
func eachLive(ctx context.Context, q querier, see func(*Stored) error) error {
	for after, more := NodeID(-1<<62), true; more; {
		more = false
		err := pack(ctx, q, func(raw []byte) error {
			for d := (decoder{b: raw}); len(d.b) > 0; {
				one := decoder{b: d.take(int(d.number()))}
				var s Stored
				if one.row(&s); one.err == nil && len(one.b) > 0 {
					one.err = errLong
				}
				if err := errors.Join(d.end("nodes"), one.end("node")); err != nil {
					return err
				}
				if after, more = s.Node.ID, true; s.Gone {
					continue
				}
				if err := see(&s); err != nil {
					return err
				}
			}
			return nil
		}, selectAlone, int64(after), packRows)
		if err != nil {
			return err
		}
	}
	return nil
}

var errLong = errors.New("blob ends late")

// selectAlone packs rows with their lengths: a damaged one must not be made whole by the next.
var selectAlone = packed(`concat(octet_length(`+packedRow+`), ' ', `+packedRow+`)`, "SELECT * FROM nodes WHERE id > ? ORDER BY id LIMIT ?")

// lacksOwn: a table or a column that this package made is not there.
func lacksOwn(err error) bool {
	return isOwnQuery(err) && strings.Contains(err.Error(), "no such ")
}

// isOwnQuery: SQLite does not understand what this package always asks.
func isOwnQuery(err error) bool {
	var code sqlite3.Error
	return errors.As(err, &code) && code.Code == sqlite3.ErrError
}
