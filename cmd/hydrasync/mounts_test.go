package main

import (
	"strings"
	"testing"
)

const someMounts = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:25 / /proc rw - proc proc rw
41 22 8:2 / /data rw - ext4 /dev/sda2 rw
42 22 8:2 /sites/one /var/www rw - ext4 /dev/sda2 rw
43 41 8:1 /srv/copy /data/mnt rw - ext4 /dev/sda1 rw
44 22 8:3 / /with\040blank rw - ext4 /dev/sda3 rw
`

func TestWalkingDownMeetsWhatMountsShow(t *testing.T) {
	all, err := parseMounts(strings.NewReader(someMounts))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir, path string
		want            bool
	}{
		{"a directory in itself", "/srv", "/srv", true},
		{"a plain child", "/srv", "/srv/copy", true},
		{"a sibling with the same beginning", "/srv", "/srvant", false},
		{"a bind mount of a child, outside", "/data/sites", "/var/www", true},
		{"beneath a bind mount of a child", "/data/sites", "/var/www/deep/er", true},
		{"a bind mount of something else", "/data/other", "/var/www", false},
		{"what is mounted beneath the directory", "/data", "/srv/copy/x", true},
		{"what is mounted beside the directory", "/data/sites", "/srv/copy", false},
		{"the other way round", "/var/www", "/data", false},
		{"a mount point with a blank", "/with blank", "/with blank/x", true},
		{"the root reaches other file systems", "/", "/data/x", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := all.reaches(c.dir, c.path); got != c.want {
				t.Errorf("%s reaches %s: got %v, want %v", c.dir, c.path, got, c.want)
			}
		})
	}
}
