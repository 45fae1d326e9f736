package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hydrasync/hydrasync/"

// The drawing: which rooms a room may import, besides its own subfolders.
var drawing = map[string][]string{
	"journal": {},
	"watcher": {"journal"},
	"stream":  {"journal"},
	"applier": {"journal"},
	"cmd":     {"journal", "watcher", "stream", "applier"},
}

// Who alone may import what, in code that is not a test's.
var soleImporters = map[string]string{
	"github.com/fsnotify/fsnotify":   "watcher",
	"github.com/mattn/go-sqlite3":    "journal",
	"github.com/gorilla/websocket":   "stream",
	"github.com/spf13/cobra":         "cmd",
	"github.com/spf13/pflag":         "cmd",
	"github.com/pelletier/go-toml":   "cmd",
	"github.com/schollz/progressbar": "cmd",
}

func TestImportsFollowTheDrawing(t *testing.T) {
	top := "../.."
	files := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		files++
		room, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(path), top+"/"), "/")
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, path, room, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("looked at %d files only", files)
	}
}

func checkImport(t *testing.T, path, room, imported string) {
	t.Helper()
	allowed, known := drawing[room]
	if !known {
		t.Errorf("%s is in no room of the drawing", path)
	}
	if ours, found := strings.CutPrefix(imported, module); found {
		other, _, _ := strings.Cut(ours, "/")
		if other != room && !slices.Contains(allowed, other) {
			t.Errorf("%s imports %s: %s may import %v", path, ours, room, allowed)
		}
	}
	if strings.HasSuffix(path, "_test.go") {
		return
	}
	for library, owner := range soleImporters {
		if owner != room && (imported == library || strings.HasPrefix(imported, library+"/")) {
			t.Errorf("%s imports %s, which only %s may", path, imported, owner)
		}
	}
}
