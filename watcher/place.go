package watcher

import "strings"

// Paths here are relative to the root, bytes, with single slashes; "" is the root.

// split cuts a path into its directory and its name.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// join is the opposite of split.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// depth is 0 for the root, 1 for what is in it.
func depth(path string) int {
	if path == "" {
		return 0
	}
	return 1 + strings.Count(path, "/")
}

// beneath says whether path is dir or lies in it at any depth.
func beneath(dir, path string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}
