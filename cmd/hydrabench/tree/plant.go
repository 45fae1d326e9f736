package tree

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Random is deterministic: the same seed makes the same tree for every contestant.
func Random(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// Bytes are n bytes that no compressor makes smaller.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = Random(seed).Read(b) // never fails
	return b
}

// Plant makes files of size bytes each beneath root, evenly spread over dirs
// directories, with other content in each.
func Plant(root string, files, dirs, size int) error {
	random := Random(uint64(files))
	content := make([]byte, size)
	for d := range dirs {
		dir := filepath.Join(root, fmt.Sprintf("d%04d", d))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for f := d; f < files; f += dirs {
			_, _ = random.Read(content)
			if err := os.WriteFile(filepath.Join(root, PlantedPath(f, dirs)), content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// PlantedPath is where Plant puts its f-th file.
func PlantedPath(f, dirs int) string { return fmt.Sprintf("d%04d/f%07d.txt", f%dirs, f) }

// PlantFile writes one large file of bytes that cannot be compressed.
func PlantFile(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	random, chunk := Random(uint64(size)), make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), left)]
		_, _ = random.Read(chunk)
		if _, err := f.Write(chunk); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}
