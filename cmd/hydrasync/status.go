package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

const statusLong = `status says who is where: position, lag, state, problems.

DIR is a source or a replica on this machine; a process that does not run is
answered for by its journal. URL is a capitol. Without either: every tree in the
state folder, and the replicas that were mirrored from here.`

// statusConf is what the flags of status say.
type statusConf struct {
	state string
	token string
	ca    string
	json  bool
}

func newStatus(a *app) *cobra.Command {
	var conf statusConf
	c := &cobra.Command{
		Use:     "status [DIR|URL]",
		Short:   "Say who is where: position, lag, state, problems",
		Long:    statusLong,
		Example: "  hydrasync status\n  hydrasync status /srv/copy --json\n  hydrasync status ws://127.0.0.1:49996",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return conf.run(c.Context(), a, args)
		},
	}
	f := c.Flags()
	stateFlag(f, &conf.state)
	f.StringVar(&conf.token, "token-file", "", "file with the capitol's token (or HYDRASYNC_TOKEN)")
	f.StringVar(&conf.ca, "tls-ca", "", "PEM file with the authority that signed the capitol's certificate")
	jsonFlag(c, &conf.json)
	return c
}

func (s *statusConf) run(ctx context.Context, a *app, args []string) error {
	reports := []report{}
	var err error
	switch {
	case len(args) == 0:
		reports, err = s.everything(ctx)
	case isURL(args[0]):
		return s.remote(ctx, a, args[0])
	default:
		var folder string
		if folder, err = findState(stateFolder(s.state), args[0]); err == nil {
			var one report
			one, err = readReport(ctx, folder)
			reports = append(reports, one)
		}
	}
	if err != nil {
		return err
	}
	if s.json {
		return a.printJSON(reports)
	}
	if len(reports) == 0 {
		_, err := fmt.Fprintf(a.out, "no trees in %s\n", s.state)
		return err
	}
	for i := range reports {
		reports[i].print(a.out)
	}
	return nil
}

// findState is the folder that has the state of a directory: its own, if it is a
// replica, or its tree's.
func findState(state stateFolder, dir string) (string, error) {
	at, err := findPlace(dir)
	if err != nil {
		return "", usage("name a source or a replica on this machine, or a URL", "%s: %w", strconv.Quote(dir), err)
	}
	if replica(at.path) {
		return filepath.Join(at.path, applier.StateName), nil
	}
	folder := state.of(at.path)
	if _, err := recall(folder); err != nil {
		return "", usage("hydrasync status lists what this machine knows; another --state may know more",
			"%s is neither a replica nor a source that was served from %s", strconv.Quote(dir), string(state))
	}
	return folder, nil
}

// everything is each tree in the state folder with its replicas on this machine.
func (s *statusConf) everything(ctx context.Context) ([]report, error) {
	folders, err := stateFolder(s.state).trees()
	if err != nil {
		return nil, fmt.Errorf("read state folder: %w", err)
	}
	reports := []report{}
	for _, folder := range folders {
		known, _ := recall(folder) // without it the journal still answers
		for _, to := range known.To {
			if replica(to) {
				folders = append(folders, filepath.Join(to, applier.StateName))
			}
		}
	}
	for _, folder := range folders {
		one, err := readReport(ctx, folder)
		if err != nil {
			return nil, err
		}
		reports = append(reports, one)
	}
	return reports, nil
}

// readReport asks the process that has the state, or else reads its journal.
func readReport(ctx context.Context, folder string) (r report, err error) {
	err = askAdmin(ctx, folder, http.MethodGet, "/status", &r)
	if !errors.Is(err, errNotRunning) {
		return r, err
	}
	j, err := journal.OpenReadOnly(filepath.Join(folder, journalName))
	if err != nil {
		return r, err
	}
	defer j.Close()
	r = report{Role: "capitol", State: "not running"}
	if filepath.Base(folder) == applier.StateName {
		r.Role, r.Dir = "city", filepath.Dir(folder)
		if h, err := applier.ReadHold(r.Dir); err == nil && h != nil && !h.Confirmed {
			r.State, r.Why = "held, not running", fmt.Sprintf("%d of %d paths would be deleted", h.Deletions, h.Total)
		}
	} else if known, err := recall(folder); err == nil {
		r.Tree, r.Dir = known.Name, known.Dir
	} else if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	return r, r.fill(ctx, j)
}

// treeAnswer is one line of a capitol's GET /v1/trees.
type treeAnswer struct {
	Digest string `json:"digest"`
	Floor  uint64 `json:"floor"`
	Name   string `json:"name"`
	Epoch  string `json:"epoch"`
	Seq    uint64 `json:"seq"`
	Paths  int64  `json:"paths"`
	Bytes  int64  `json:"bytes"`

	Missing []string `json:"missing"` // sub_dirs that were asked for and are not there
}

// remote asks a capitol for its trees.
func (s *statusConf) remote(ctx context.Context, a *app, url string) error {
	w, err := openWeb(linkConf{From: url, TokenFile: s.token, TLSCA: s.ca})
	if err != nil {
		return err
	}
	resp, err := w.get(ctx, "/v1/trees", nil, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var trees []treeAnswer
	if s.json {
		if resp.StatusCode == http.StatusOK {
			_, err := io.Copy(a.out, resp.Body)
			return err
		}
	}
	if err := readAnswer(resp, &trees); err != nil {
		return err
	}
	for _, t := range trees {
		if w.tree == "" || w.tree == t.Name {
			fmt.Fprintf(a.out, "%s  %s paths, %s, entry %d of epoch %.8s\n", t.Name, countText(t.Paths), bytesText(t.Bytes), t.Seq, t.Epoch)
		}
	}
	return nil
}
