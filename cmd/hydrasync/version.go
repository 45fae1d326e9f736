package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/stream"
)

// build is what a binary knows about itself.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Protocol string `json:"protocol"`
}

func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Protocol: stream.Subprotocol}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// thisVersion is what others are told of this binary.
var thisVersion = sync.OnceValue(func() string { return thisBuild().Version })

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print version, revision and protocol",
		Example: "  hydrasync version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if asJSON {
				return a.printJSON(b)
			}
			_, err := fmt.Fprintf(a.out, "hydrasync %s (%s), %s\n", b.Version, b.Protocol, b.Go)
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// printJSON writes a report for programs.
func (a *app) printJSON(v any) error {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(a.out, plainJSON(text.String()))
	return err
}
