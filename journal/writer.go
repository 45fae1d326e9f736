package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// request is one caller's wish to write; do runs inside the group's transaction.
type request struct {
	do    func(*tx) error
	reply chan error
}

// Requests that wait while a transaction commits form the next group; this many
// at most, so that the first of them is not kept waiting without bound.
const maxGroup = 64

// After this pause without writes the writer tidies up: retention, rows beneath
// removed directories, the WAL. Each step is short, so a write waits little.
const idlePause = 2 * time.Second

// So often it sees, when nothing is written, whether there were reads that left
// something in memory.
const restPause = 15 * time.Second

// writer is the one goroutine that writes. It commits in groups: what arrives
// during one flush shares the next.
//
// A crash before COMMIT returns leaves the file as it was and the callers
// unanswered; after it, everything is there. There is no state between.
type writer struct {
	db       *sql.DB
	conn     *sql.Conn
	requests chan request
	quit     chan struct{}
	done     chan struct{}
	tx       tx
	publish  func(head, recent)
	damaged  func() bool
	readers  *sql.DB // the journal's, to let go of their memory
	reads    func() int64
	seen     int64 // reads when their memory was let go
	rested   bool  // since the last write
}

func openWriterLoop(cfg Config) (w *writer, h head, err error) {
	db, err := openWriter(cfg.Path)
	if err != nil {
		return nil, head{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, head{}, wrap("connect", err)
	}
	if err := prepareFile(ctx, conn, cfg.Role); err != nil {
		return nil, head{}, err
	}
	if h, err = loadHead(ctx, conn); err != nil {
		return nil, head{}, err
	}
	if h.role != cfg.Role {
		return nil, head{}, fmt.Errorf("%w: it belongs to a %v, not to a %v", ErrRole, h.role, cfg.Role)
	}
	if !h.clean {
		if err := quickCheck(ctx, conn); err != nil {
			return nil, head{}, err
		}
	}
	w = &writer{db: db, conn: conn, requests: make(chan request), quit: make(chan struct{}), done: make(chan struct{})}
	w.tx.keepAge, w.tx.keepCount = cfg.KeepAge, cfg.KeepCount
	if err := w.tx.prepare(ctx, conn, h); err != nil {
		return nil, head{}, err
	}
	return w, h, w.markClean(false)
}

// quickCheck looks through a file that was not closed: a kill leaves it sound,
// a failing disk may not.
func quickCheck(ctx context.Context, conn *sql.Conn) error {
	var verdict string
	if err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return wrap("check journal", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("check journal: %w: %s", ErrDamaged, verdict)
	}
	return nil
}

func (w *writer) start(j *Journal) {
	w.publish, w.readers, w.reads = j.publish, j.readers, j.reads.Load
	w.damaged = j.doubts.damaged
	w.tx.nextID = func() NodeID { return NodeID(j.nextID.Load()) }
	go w.loop()
}

func (w *writer) loop() {
	defer close(w.done)
	idle := time.NewTimer(idlePause)
	defer idle.Stop()
	for {
		select {
		case r := <-w.requests:
			w.commit(w.gather(r))
			idle.Reset(idlePause)
			w.rested = false
		case <-idle.C:
			idle.Reset(w.idle())
		case <-w.quit:
			return
		}
	}
}

// idle does a step of what can wait and says when the next is due.
func (w *writer) idle() time.Duration {
	switch {
	case !w.rested && w.tidy():
		return time.Millisecond
	case !w.rested:
		w.rest()
		w.rested = true
	case w.seen != w.reads():
		w.letGo()
	}
	return restPause
}

func (w *writer) gather(first request) []request {
	group := []request{first}
	for len(group) < maxGroup {
		select {
		case r := <-w.requests:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction. If one request fails, each is tried
// alone, so that a bad one hurts nobody else.
func (w *writer) commit(group []request) {
	if err := w.run(group...); err == nil || len(group) == 1 {
		for _, r := range group {
			r.reply <- err
		}
		return
	}
	for _, r := range group {
		r.reply <- w.run(r)
	}
}

func (w *writer) run(group ...request) error {
	if err := w.tx.begin(); err != nil {
		return err
	}
	for _, r := range group {
		err := r.do(&w.tx)
		w.tx.done()
		if err != nil {
			return errors.Join(err, w.tx.rollback())
		}
	}
	if len(group) > 1 { // the later may have changed what the earlier wrote
		w.tx.recent = recent{}
	}
	if err := w.tx.commit(); err != nil {
		return errors.Join(err, w.tx.rollback())
	}
	w.publish(w.tx.head, w.tx.recent)
	return nil
}

// submit hands a request to the writer and waits for its commit.
func (j *Journal) submit(ctx context.Context, do func(*tx) error) error {
	if j.writer == nil {
		return errors.New("journal is open for reading only")
	}
	r := request{do, make(chan error, 1)}
	select {
	case j.writer.requests <- r:
	case <-j.writer.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return j.judgeWrite(<-r.reply)
}

func (w *writer) stop() error {
	close(w.quit)
	<-w.done
	var err error
	if !w.damaged() {
		err = w.markClean(true)
	}
	_, checkpoint := w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, wrap("checkpoint", checkpoint), w.close())
}

func (w *writer) close() error {
	return errors.Join(w.tx.close(), w.conn.Close(), w.db.Close())
}

// markClean remembers whether the file was closed in order. It keeps the time
// of the last write: downtime is counted from there.
func (w *writer) markClean(clean bool) error {
	w.tx.head.clean = clean
	_, err := w.conn.ExecContext(context.Background(), saveHead, w.tx.head.args()...)
	return wrap("mark journal", err)
}
