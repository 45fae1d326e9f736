package stream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errSocket: the connection is broken, so nothing can be told to the peer.
var errSocket = errors.New("socket")

// outbox hands messages to the one goroutine that writes them. It keeps none:
// who sends waits until the writer takes it, so a slow city slows its own
// feeder down and costs no memory.
type outbox struct {
	urgent chan []byte // batches, heartbeats
	bulk   chan parcel // content
}

// parcel is a message whose buffer is used again once it is written.
type parcel struct {
	message []byte
	written chan<- struct{}
}

func newOutbox() *outbox {
	return &outbox{urgent: make(chan []byte), bulk: make(chan parcel)}
}

func (o *outbox) send(ctx context.Context, message []byte) error {
	select {
	case o.urgent <- message:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver returns when the message is written, or will not be.
func (o *outbox) deliver(ctx context.Context, message []byte, written chan struct{}) error {
	select {
	case o.bulk <- parcel{message, written}:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-written // the writer signals even when it fails
	return nil
}

// run writes until ctx ends or the connection breaks. Content waits while
// there is anything urgent, but not behind one long batch after another: the city
// may need it to go on.
func (o *outbox) run(ctx context.Context, c *conn, p *pace) error {
	for last := 0; ; {
		m, err := o.next(ctx, last >= longBatch)
		if err != nil {
			return err
		}
		if last = len(m.message); m.written != nil {
			last = 0
		}
		began := time.Now()
		err = c.write(m.message)
		p.note(len(m.message), began, time.Now())
		if m.written != nil {
			m.written <- struct{}{}
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errSocket, err)
		}
	}
}

// longBatch is from where on a batch gives way to content once.
const longBatch = 64 << 10

// next is what is to be written now: something urgent if there is, unless it is
// content's turn.
func (o *outbox) next(ctx context.Context, bulk bool) (m parcel, err error) {
	if bulk {
		select {
		case m = <-o.bulk:
			return m, nil
		default:
		}
	}
	select {
	case m.message = <-o.urgent:
		return m, nil
	default:
	}
	select {
	case m.message = <-o.urgent:
	case m = <-o.bulk:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return m, err
}
