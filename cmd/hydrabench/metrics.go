package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metricPause is between two looks at the metrics: a page of them costs the
// capitol a millisecond.
const metricPause = 20 * time.Millisecond

// metric reads one of the capitol's figures; zero if it does not tell.
func (h *highway) metric(ctx context.Context, name string) (float64, error) {
	answer, err := get(ctx, http.DefaultClient, "http://"+h.addr+"/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key, _, _ = strings.Cut(key, "{"); key == name {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, nil
}

// ready waits until the capitol's journal tells of the whole tree.
func (h *highway) ready(ctx context.Context) error {
	return h.until(ctx, func() (bool, error) {
		v, err := h.metric(ctx, "hydrasync_tree_ready")
		return v == 1, err
	})
}

// awaited waits until the city has confirmed all that the capitol knows.
func (h *highway) awaited(ctx context.Context) error {
	if err := h.until(ctx, func() (bool, error) {
		v, err := h.metric(ctx, "hydrasync_cities")
		return v > 0, err
	}); err != nil {
		return err
	}
	_, err := h.confirmed(ctx)
	return err
}

func (h *highway) until(ctx context.Context, good func() (bool, error)) error {
	for {
		ok, err := good()
		switch {
		case err != nil || ok:
			return err
		case !h.capitol.running():
			return errors.New("the capitol has ended")
		}
		select {
		case <-time.After(metricPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
