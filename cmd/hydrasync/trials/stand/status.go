package stand

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Report is what a running process says of itself, as far as a trial asks.
type Report struct {
	State, Why, Epoch string
	Seq               uint64
	Digest            string
	Watch             *struct {
		State, JournalError  string
		Waiting, ProblemsAll int
	}
	Cities  []City
	Highway *struct {
		Mode, Reason string
		InStep       bool `json:"in_step"`
		Disk         struct {
			State     string
			FailedAll int64 `json:"failed_all"`
			Owed      int64
			Failed    []struct{ Path, Why string }
		}
	}
}

// City is one that a capitol knows.
type City struct{ Acked uint64 }

// Status asks the process that has a state folder, by its socket.
func Status(folder string) (r Report, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dir, err := os.Open(folder) // a socket's own path may have no more than 107 bytes
			if err != nil {
				return nil, err
			}
			defer dir.Close()
			return new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/admin.sock", dir.Fd()))
		}}}
	resp, err := client.Get("http://state/status")
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r, fmt.Errorf("status answers %s", resp.Status)
	}
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

// StateOf is the folder of a capitol's only tree.
func StateOf(state string) (string, error) {
	found, err := filepath.Glob(filepath.Join(state, "*", "journal.db"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s has %d journals (%v)", state, len(found), err)
	}
	return filepath.Dir(found[0]), nil
}
