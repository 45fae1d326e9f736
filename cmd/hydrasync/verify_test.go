package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestACapitolThatDoesNotKnowSubDirsIsNotComparedAsAWhole(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/trees", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"site","epoch":"aa","seq":7,"digest":"bb"}]`)
	})
	old := httptest.NewServer(mux)
	defer old.Close()
	w, err := openWeb(linkConf{From: old.URL + "/site"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.client.CloseIdleConnections()
	if head, err := w.headOf(t.Context(), nil); err != nil || head.Seq != 7 || head.Digest != "bb" {
		t.Errorf("of the whole tree: %+v, %v", head, err)
	}
	_, err = w.headOf(t.Context(), []string{"docs"})
	var told *failure
	if !errors.As(err, &told) || !strings.Contains(told.Error(), "too old") || told.hint == "" {
		t.Errorf("of a part: %v", err)
	}
}

func TestAReplicaRemembersItsPart(t *testing.T) {
	folder := t.TempDir()
	for _, dirs := range [][]string{{"docs", "a b/\xff&=+%"}, nil, {"img"}} {
		conf := highwayConf{linkConf: linkConf{From: "ws://127.0.0.1:1/site"}, To: "/srv/copy", SubDirs: dirs}
		known, err := conf.part(folder)
		if err == nil {
			err = known.rememberPart(folder)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := recallPart(folder); err != nil || !slices.Equal(got, dirs) {
			t.Errorf("got %q, %v, want %q", got, err, dirs)
		}
	}
	if got, err := recallPart(t.TempDir()); err != nil || got != nil {
		t.Errorf("of a state without it: %q, %v", got, err)
	}
}
