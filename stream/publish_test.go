package stream_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

func TestATreeComesAndGoesWhileOthersAreServed(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("1"))
	stays := newCity(t, c.url)
	stays.run()
	stays.inStep(c)
	goes := newCity(t, "ws://"+c.addr+"/other")
	for round := range 3 {
		withdraw, err := c.server.Publish(stream.Tree{Name: "other", Journal: c.j, Source: c})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.server.Publish(stream.Tree{Name: "other", Journal: c.j, Source: c}); err == nil {
			t.Error("a tree was published twice")
		}
		goes.connectTo("ws://" + c.addr + "/other")
		stop := goes.run()
		goes.inStep(c)
		resp, err := http.Get("http://" + c.addr + "/v1/trees/other/events?follow=1")
		if err != nil {
			t.Fatal(err)
		}
		withdraw() // returns although both still listen
		withdraw()
		buf := make([]byte, 64<<10)
		for {
			if _, err := resp.Body.Read(buf); err != nil {
				break
			}
		}
		resp.Body.Close()
		for deadline := time.Now().Add(patience); goes.client.State().Phase == stream.Connected && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		stop()
		if resp, err := http.Get("http://" + c.addr + "/v1/trees/other/digest"); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("round %d: a withdrawn tree answers: %v %v", round, resp, err)
		} else {
			resp.Body.Close()
		}
		c.write("f", []byte{byte(round)})
		stays.inStep(c)
	}
	stays.mu.Lock()
	defer stays.mu.Unlock()
	if len(stays.modes) != 1 {
		t.Errorf("the other tree's city had %d connections, want one", len(stays.modes))
	}
}
