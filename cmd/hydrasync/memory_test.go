package main

import (
	"context"
	"errors"
	"net"
	"testing"
)

func TestWhatOneDialsTheOtherAccepts(t *testing.T) {
	l := newMemoryListener()
	go func() {
		c, err := l.Dial(t.Context(), "", "")
		if err == nil {
			c.Write([]byte("x"))
			c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, 1)
	if _, err := c.Read(got); err != nil || got[0] != 'x' {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAClosedListenerEndsBothSides(t *testing.T) {
	l := newMemoryListener()
	l.Close()
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: got %v", err)
	}
	if _, err := l.Dial(context.Background(), "", ""); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: got %v", err)
	}
}
