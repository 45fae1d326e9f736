package crash

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

const (
	takesSpace = "write,pwrite64,writev,pwritev,create,mkdir,mkdirat,symlinkat,link,linkat,rename,renameat,renameat2,fallocate,ftruncate,fsetxattr,lsetxattr,setxattr,copy_file_range,ficlone,fsync,fdatasync"
	names      = "open,create,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlinkat,chmod,fchmod,fchmodat,fchmodat2,fchown,fchownat,utimensat,fsetxattr,lsetxattr,fremovexattr,lremovexattr"
)

// refusals are the errors, and the calls that a disk or a kernel in such a state answers with them.
var refusals = []struct{ errno, calls string }{
	{"EIO", "change,open"},
	{"ENOSPC", takesSpace},
	{"EDQUOT", takesSpace},
	{"EACCES", names},
	{"EROFS", "change"},
	{"EMFILE", "open,create," + descriptors},
	{"ENOMEM", "change,open," + descriptors},
}

// descriptors are the calls for one without a file. Go's runtime makes another before main, and cannot live without it.
const descriptors = "dup,socket,accept4,inotify_init1"

// stickySuffix marks a point where all calls fail from the N-th on, until the cause is gone.
const stickySuffix = "+"

func strikeOf(p point) *strike {
	errno, sticky := strings.CutSuffix(p.at, stickySuffix)
	for _, r := range refusals {
		if r.errno == errno {
			return &strike{at: errno, n: p.n, sticky: sticky, calls: r.calls}
		}
	}
	return nil
}

// refused runs the script with a call, or all from it on, failing. What the victim says of
// itself meanwhile is the note.
func refused(dir, victim string, s *strike) (note string, made tally, err error) {
	w, err := newScene(dir, victim, s)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, w.end(err != nil)) }()
	if err := w.begin(); err != nil {
		return "", nil, err
	}
	if err := w.playOn(); err != nil {
		return "", nil, err
	}
	if s.sticky && !w.struck().Ended() {
		if note, err = w.honest(); err != nil {
			return note, nil, err
		}
	}
	at := w.struck().struck()
	if w.struck().Ended() {
		if note, err = w.endedWell(); err != nil {
			return note, nil, fmt.Errorf("%s: %w", at, err)
		}
		if err := w.restart(nil); err != nil {
			return note, nil, err
		}
	} else {
		w.struck().release()
	}
	if err := w.mustBecomeWhole(); err != nil {
		return note, nil, fmt.Errorf("%s: %w", at, err)
	}
	if at == "" {
		note = "not reached"
	}
	err = errors.Join(w.sparseStays(), w.secondOpinions())
	if !w.struck().Ended() {
		err = errors.Join(err, w.struck().stop())
		made = w.struck().made()
	}
	return note, made, err
}

// grace is how long the script waits for a replica that may be unable to follow.
const grace = 300 * time.Millisecond

// playOn runs the script. Once the victim was struck, it does not wait for long.
func (w *scene) playOn() error {
	var since time.Time
	for i := range script {
		if i > 0 {
			if err := w.source.do(i); err != nil {
				return err
			}
		}
		err := w.wait("phase "+script[i].name, func() bool {
			if since.IsZero() && w.struck().struck() != "" {
				since = time.Now()
			}
			return w.reached(i) || w.struck().Ended() || !since.IsZero() && time.Since(since) > grace
		}, w.other())
		if err != nil {
			return err
		}
		since = w.lookAgain(since)
		if i == 0 && since.IsZero() {
			if err := w.proof(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAgain gives each phase a grace of its own.
func (w *scene) lookAgain(since time.Time) time.Time {
	if since.IsZero() {
		return since
	}
	return time.Now().Add(-grace / 2)
}

// endedWell says whether a process had a reason to end: only its start may fail, and it says why.
func (w *scene) endedWell() (note string, err error) {
	p := w.struck()
	text := p.Printed()
	switch {
	case strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") || strings.Contains(text, "fatal error"):
		return "", fmt.Errorf("it crashed:\n%s", last(text))
	case p.Code() != 1 || !strings.Contains(text, "hydrasync: error: "):
		return "", fmt.Errorf("it ended with %d and said:\n%s", p.Code(), last(text))
	case w.proven:
		return "", fmt.Errorf("it ended in the middle of its work and said:\n%s", last(text))
	}
	return "refused to start", nil
}

// honest looks for a while at what the processes say while the disk refuses.
func (w *scene) honest() (note string, err error) {
	for end := time.Now().Add(grace); time.Now().Before(end); time.Sleep(grace / 5) {
		if note, err = w.saidNow(); err == nil {
			return note, nil
		}
		if w.struck().Ended() {
			return note, nil
		}
	}
	for end := time.Now().Add(patience / 4); err != nil && time.Now().Before(end); time.Sleep(grace) {
		note, err = w.saidNow() // a busy machine is late, not dishonest
	}
	return note, err
}

// saidNow compares what is said with what is.
func (w *scene) saidNow() (note string, err error) {
	capitol, fault := w.askCapitol()
	if fault != nil {
		return w.speechless("capitol", fault)
	}
	city, fault := w.askCity()
	if fault != nil {
		return w.speechless("city", fault)
	}
	differ, err := judge(w.src, w.dst)
	if err != nil || differ == "" {
		return "went on", err
	}
	differ = differ[:min(len(differ), 500)]
	disk := city.Highway.Disk
	blamed := capitol.State == "disk error" || capitol.Watch.JournalError != "" || capitol.Watch.State != "live" || capitol.Watch.ProblemsAll > 0 || capitol.Watch.Waiting > 0
	current := city.Epoch == capitol.Epoch && city.Seq == capitol.Seq
	switch {
	case blamed:
		return "capitol says so", nil
	case city.State == "in step" && current:
		return "", errors.New("the city says it is in step, the capitol has no problem, and the trees differ: " + differ)
	case slices.ContainsFunc(capitol.Cities, func(c stand.City) bool { return c.Acked == capitol.Seq }) && disk.FailedAll+disk.Owed == 0:
		return "", errors.New("the city has confirmed what it has not: " + differ)
	}
	return "city: " + city.State, nil
}

// speechless is a process that does not answer: it may be unable to take a question, for
// want of a descriptor or memory, or not be there yet; else it is to say what is wrong.
func (w *scene) speechless(who string, err error) (string, error) {
	s := w.strike
	if s.at == "EMFILE" || s.at == "ENOMEM" || !w.proven || w.struck().Ended() {
		return who + " cannot be asked", nil
	}
	return "", fmt.Errorf("the %s does not say how it is: %w", who, err)
}

// TestCampaignCrashRefuse lets every call fail, once, and from then on until the cause is gone.
func TestCampaignCrashRefuse(t *testing.T) {
	c := newCampaign(t, "crash refusals")
	for _, p := range c.places(t) {
		for _, victim := range []string{"city", "capitol"} {
			_, made, err := refused(p.dir, victim, &strike{at: "EIO", calls: "change,open," + descriptors})
			if err != nil {
				t.Fatalf("%s %s without any: %v", p.name, victim, err)
			}
			for _, r := range refusals {
				for n := 1; n <= made.of(r.calls); n++ {
					c.add(point{p, victim, r.errno, n})
					c.add(point{p, victim, r.errno + stickySuffix, n})
				}
			}
		}
	}
	c.most(stand.Size(8, 40, 0))
	c.beside = 4 // they wait, most of the time
	c.run(t, func(p point) (string, error) {
		note, _, err := refused(p.dir, p.victim, strikeOf(p))
		return note, err
	})
}
