package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// residentBytes is what unmapProgram would find in the mapping that begins at address.
func residentBytes(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), path)
	if !ok {
		t.Fatalf("%s is not mapped", path)
	}
	_, after, _ = strings.Cut(after, "\nRss:")
	line, _, _ := strings.Cut(after, "\n")
	return kibibytes(line)
}

// TestProgramPagesAreLetGo: what was only read leaves the process and can be
// read again; what was written stays as it is.
func TestProgramPagesAreLetGo(t *testing.T) {
	const size = 8 << 20
	page := os.Getpagesize()
	read, written := filepath.Join(t.TempDir(), "read"), filepath.Join(t.TempDir(), "written")
	mapped := map[string][]byte{}
	for _, path := range []string{read, written} {
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(m) })
		if path == written { // as a loader does with relocations
			m[3*page] = 'y'
		}
		if err := unix.Mprotect(m, unix.PROT_READ); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < size; i += page {
			_ = m[i] == 'z' || t.Failed()
		}
		mapped[path] = m
	}
	if n := residentBytes(t, read); n < size {
		t.Fatalf("%d bytes of %d are mapped", n, size)
	}
	n, err := unmapProgram()
	if err != nil || n < size {
		t.Fatalf("let go of %d bytes: %v", n, err)
	}
	if n := residentBytes(t, read); n > size/2 {
		t.Errorf("%d bytes of %d are still mapped", n, size)
	}
	if n := residentBytes(t, written); n < size {
		t.Errorf("of a mapping with pages of its own, %d bytes are left", n)
	}
	if mapped[read][5*page] != 'x' || mapped[written][3*page] != 'y' {
		t.Error("bytes changed")
	}
}
