package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// readable reads a journal's files from end to end. What SQLite calls damage may be a disk
// that refuses to read: then the file may be as sound as it was, and is no more to be put
// aside than a disk that is not there.
func readable(path string) error {
	for _, suffix := range []string{"", "-wal"} {
		f, err := os.Open(path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
	return nil
}

// look examines a journal that nobody has open, and changes nothing.
func look(path string) error {
	if err := readable(path); err != nil {
		return err
	}
	j, err := OpenReadOnly(path)
	if err != nil {
		return err
	}
	return errors.Join(j.Examine(context.Background()), j.Close())
}
