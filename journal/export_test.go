package journal

import "context"

// Tidy does all the housekeeping that is due, as the writer does when it is idle.
func (j *Journal) Tidy() error {
	return j.submit(context.Background(), func(t *tx) error {
		if err := t.purgeAll(); err != nil {
			return err
		}
		for {
			if more, err := t.compactStep(); err != nil || !more {
				return err
			}
		}
	})
}

// Reads is how many states of the file were read.
func (j *Journal) Reads() int64 { return j.reads.Load() }

// Flushes is how often SQLite flushed a file by way of flush.c, in this process.
func Flushes() int64 { return flushes() }
