package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/stream"
)

// socketName is the admin socket in a state folder. Whoever may enter the
// folder (its owner and root) may use it.
const socketName = "admin.sock"

// admin answers on one state folder's socket. Requests that the owner of the
// state does not know are left nil.
type admin struct {
	status    func(context.Context) (any, error)
	reconcile func(context.Context) error
	wait      func(ctx context.Context, who string, timeout time.Duration) (any, error)
	retry     func() // what the destination refused: a hold was confirmed
}

// serve answers on a state folder's socket until ctx ends. The state must be locked by this process.
func (d *admin) serve(ctx context.Context, folder string) error {
	return serveSocket(ctx, folder, socketName, d.routes())
}

// serveSocket binds a socket and answers until ctx ends. One that is already there must be a dead one's.
func serveSocket(ctx context.Context, folder, name string, handler http.Handler) error {
	dir, err := openFolder(folder)
	if err != nil {
		return fmt.Errorf("open admin socket: %w", err)
	}
	defer dir.Close()
	path := throughFolder(dir, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old admin socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen on admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("close admin socket to others: %w", err), ln.Close())
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: patience,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	var stopping sync.WaitGroup
	stopping.Add(1)
	defer stopping.Wait()
	unhook := context.AfterFunc(ctx, func() {
		defer stopping.Done()
		srv.Close() // its listener removes the socket; a late answer is nobody's loss
	})
	err = srv.Serve(stream.Patient(ln))
	if unhook() {
		stopping.Done()
		return fmt.Errorf("serve admin socket: %w", err)
	}
	return nil
}

func (d *admin) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { answer(w)(d.status(r.Context())) })
	if d.reconcile != nil {
		mux.HandleFunc("POST /reconcile", func(w http.ResponseWriter, r *http.Request) { answer(w)(nil, d.reconcile(r.Context())) })
	}
	if d.wait != nil {
		mux.HandleFunc("POST /wait", func(w http.ResponseWriter, r *http.Request) {
			timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
			if err != nil {
				answer(w)(nil, err)
				return
			}
			answer(w)(d.wait(r.Context(), r.URL.Query().Get("city"), timeout))
		})
	}
	if d.retry != nil {
		mux.HandleFunc("POST /retry", func(w http.ResponseWriter, _ *http.Request) {
			d.retry()
			answer(w)(nil, nil)
		})
	}
	return mux
}

// answer writes a report, or what went wrong.
func answer(w http.ResponseWriter) func(any, error) {
	return func(v any, err error) {
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			v = map[string]string{"error": err.Error(), "hint": hintOf(err)}
		}
		_ = json.NewEncoder(w).Encode(v) // a caller that went away needs no answer
	}
}

// openFolder holds a folder open, so that the socket in it can be reached by a
// short path: a socket's own may have no more than 107 bytes (unix(7)).
func openFolder(folder string) (*os.File, error) {
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: folder, Err: err}
	}
	return os.NewFile(uintptr(fd), folder), nil
}

func throughFolder(dir *os.File, name string) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), name)
}

// errNotRunning says that nobody answers on a state folder's socket.
var errNotRunning = errors.New("not running")

// askAdmin sends a request to the process that has a state and decodes its
// answer into report, if that is not nil.
func askAdmin(ctx context.Context, folder, method, request string, report any) error {
	return askSocket(ctx, folder, socketName, method, request, report)
}

func askSocket(ctx context.Context, folder, name, method, request string, report any) error {
	dir, err := openFolder(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: time.Second}
		return d.DialContext(ctx, "unix", throughFolder(dir, name))
	}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+request, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return errNotRunning
	case err != nil:
		return fmt.Errorf("ask the running process: %w", err)
	}
	defer resp.Body.Close()
	return readAnswer(resp, report)
}

func readAnswer(resp *http.Response, report any) error {
	if resp.StatusCode != http.StatusOK {
		var trouble struct{ Error, Hint string }
		if err := json.NewDecoder(resp.Body).Decode(&trouble); err != nil || trouble.Error == "" {
			return fmt.Errorf("the other end answers %s", resp.Status)
		}
		return failed(trouble.Hint, "%s", trouble.Error)
	}
	if report == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(report); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
