package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// get asks; the answer is 200 if there is no error.
func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return answer, nil
}

func getJSON(ctx context.Context, client *http.Client, url string, into any) error {
	answer, err := get(ctx, client, url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// adminClient talks to the socket in a state folder, through a descriptor of the folder: the
// path of a socket may have no more than 107 bytes (unix(7)).
func adminClient(folder string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		dir, err := os.Open(folder)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), "admin.sock"))
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}
