package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// onSignal reconciles all sources at every SIGUSR1, until ctx ends.
func onSignal(ctx context.Context, sources func() []*source) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGUSR1)
	defer signal.Stop(asked)
	for {
		select {
		case <-asked:
		case <-ctx.Done():
			return nil
		}
		for _, s := range sources() {
			s.log.Info().Msg("reconcile was asked for")
			if err := s.watch.Reconcile(ctx); err != nil && ctx.Err() == nil {
				s.log.Error().Err(err).Msg("reconcile failed")
			}
		}
	}
}
