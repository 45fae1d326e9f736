package watcher

import (
	"context"
	"errors"
)

// A notifier hears of changes in single directories. What it hears it
// passes to hints; no event leaves it.
type notifier interface {
	// watch makes sure that changes in a directory are heard from now on. Fresh says
	// that before the call they may not have been: list the directory after it.
	// errUnwatchable means that it has to be polled, errMoved that the
	// path does not show that object any more.
	watch(ctx context.Context, dir string, id ident) (fresh bool, err error)
	// watches is how many directories are heard.
	watches() int
	// echo closes what it returns once everything was heard that had happened before the call.
	echo() (<-chan struct{}, error)
	// run hears until ctx ends.
	run(ctx context.Context) error
}

// hints is where a notifier puts what it hears. Calls never block and may come
// from any goroutine.
type hints interface {
	path(path string)
	overflow()
}

var (
	errUnwatchable = errors.New("the directory cannot be watched")
	errMoved       = errors.New("the path shows another object by now")
)
