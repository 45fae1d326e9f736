package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// second serves the capitol's tree at one more address, as a relay would.
func second(t *testing.T, c *capitol, tune ...func(*stream.ServerConfig)) *capitol {
	t.Helper()
	other := &capitol{t: t, j: c.j}
	cfg := stream.ServerConfig{Trees: []stream.Tree{{Name: "src", Journal: c.j, Source: c}}, Heartbeat: 300 * time.Millisecond}
	for _, f := range tune {
		f(&cfg)
	}
	var err error
	if other.server, err = stream.NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	other.serve()
	return other
}

func further(url string) func(*stream.ClientConfig) {
	return func(cfg *stream.ClientConfig) {
		cfg.Further = append(cfg.Further, stream.Origin{URL: url})
		cfg.Return = 20 * time.Millisecond
	}
}

func (m *city) follows(url string) {
	m.t.Helper()
	deadline := time.After(patience)
	for {
		st := m.client.State()
		if st.Phase == stream.Connected && st.From == url {
			return
		}
		select {
		case <-deadline:
			m.t.Fatalf("still waiting for %s: %+v", url, st)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestACityMovesBetweenItsSourcesWithoutAComparison(t *testing.T) {
	first := newCapitol(t)
	first.write("f", []byte("1"))
	relay := second(t, first)
	m := newCity(t, first.url, further(relay.url))
	m.run()
	m.inStep(first)
	m.follows(first.url)
	first.stop()
	first.write("f", []byte("2"))
	m.inStep(first)
	m.follows(relay.url)
	relisten(t, first)
	m.follows(first.url)
	first.write("f", []byte("3"))
	m.inStep(first)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.modes) < 3 || m.modes[0] != stream.Full {
		t.Fatalf("modes: %v", m.modes)
	}
	for i, mode := range m.modes[1:] {
		if mode != stream.Resume {
			t.Errorf("connection %d began with %v (%s), want a resume", i+2, mode, m.reasons[i+1])
		}
	}
}

func TestARefusalIsFinalWhenAllSourcesRefuse(t *testing.T) {
	first := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "one" })
	relay := second(t, first, func(cfg *stream.ServerConfig) { cfg.Token = "two" })
	m := newCity(t, first.url, further(relay.url))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var refused *stream.RefusedError
	if err := m.client.Run(ctx, m); !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("got %v, want the refusal", err)
	}
}

func TestARefusalIsNotFinalWhileAnotherSourceMayCome(t *testing.T) {
	first := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "one" })
	first.write("f", []byte("1"))
	relay := second(t, first)
	relay.stop()
	waits := make(chan stream.State, 1)
	m := newCity(t, first.url, further(relay.url), func(cfg *stream.ClientConfig) {
		cfg.OnState = func(st stream.State) {
			if st.Phase == stream.Waiting && len(waits) == 0 {
				waits <- st
			}
		}
	})
	m.run()
	<-waits
	relisten(t, relay)
	m.inStep(first)
}
