package stream

import (
	"context"
	"errors"
	"testing"
)

func TestAnswersThatWereNotAskedFor(t *testing.T) {
	answer := func(request uint64, offset int64, n int, last bool) content {
		return content{Request: request, Offset: offset, Bytes: make([]byte, n), Last: last}
	}
	for name, row := range map[string]struct {
		answers []content
		fine    bool
	}{
		"in order":                  {[]content{answer(1, 100, 30, false), answer(1, 130, 70, true)}, true},
		"to a request taken back":   {[]content{answer(2, 0, 5, false)}, true},
		"to no request":             {[]content{answer(3, 0, 5, false)}, false},
		"from another offset":       {[]content{answer(1, 0, 30, false)}, false},
		"with a gap":                {[]content{answer(1, 100, 30, false), answer(1, 140, 60, true)}, false},
		"twice":                     {[]content{answer(1, 100, 30, false), answer(1, 100, 30, false)}, false},
		"too long":                  {[]content{answer(1, 100, 101, true)}, false},
		"ended early":               {[]content{answer(1, 100, 30, true)}, false},
		"complete without an end":   {[]content{answer(1, 100, 100, false)}, false},
		"more after the end":        {[]content{answer(1, 100, 100, true), answer(1, 200, 1, true)}, false},
		"one byte at a time to end": {append(single(100, 99), answer(1, 199, 1, true)), true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newAsks()
			for range 2 {
				if err := r.places.Acquire(context.Background(), 1); err != nil {
					t.Fatal(err)
				}
				a, err := r.begin(want{Offset: 100, Length: 100})
				if err != nil {
					t.Fatal(err)
				}
				if a.want.Request == 2 {
					r.end(a)
				}
			}
			var err error
			for _, m := range row.answers {
				if err == nil {
					err = r.take(m)
				}
			}
			if row.fine != (err == nil) || err != nil && !errors.Is(err, ErrProtocol) {
				t.Errorf("got %v, want fine %v", err, row.fine)
			}
		})
	}
}

func TestChunksThatWereNotAskedFor(t *testing.T) {
	r := newAsks()
	for _, m := range []want{{Length: 100}, {}} {
		if err := r.places.Acquire(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := r.begin(m); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"chunks for content": r.takeChunks(chunks{Request: 1}),
		"content for chunks": r.take(content{Request: 2, Bytes: []byte("x"), Last: true}),
		"for no request":     r.takeChunks(chunks{Request: 3}),
		"the first":          r.takeChunks(chunks{Request: 2}),
		"the second":         r.takeChunks(chunks{Request: 2}),
	} {
		if (err == nil) != (name == "the first") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func single(from int64, n int) (all []content) {
	for i := range int64(n) {
		all = append(all, content{Request: 1, Offset: from + i, Bytes: []byte{0}})
	}
	return all
}
