package hostile

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/gorilla/websocket"
)

// m is a frame's map; the keys are those of package stream's doc.go.
type m = map[uint64]any

var decoder = func() cbor.DecMode {
	d, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[m]()}.DecMode()
	if err != nil {
		panic(err)
	}
	return d
}()

const (
	fHello   = 1
	fWant    = 2
	fWelcome = 16
	fBatch   = 17
	fContent = 18
	fBeat    = 20
)

func frame(kind byte, v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append([]byte{kind, 0}, b...)
}

// liar stands between a real capitol and a city. It repeats what the capitol says
// word for word, but for one lie; after some connections it has enough of that.
type liar struct {
	t     *testing.T
	to    string // the capitol's address
	lie   lie
	told  atomic.Int64
	conns atomic.Int64
	srv   *httptest.Server
	wg    sync.WaitGroup
}

// lie may change a message of the capitol's: what it returns is sent instead, nil
// means that it has no objection. say sends something by itself.
type lie func(kind byte, v m, say func([]byte)) [][]byte

// lies is how many connections are lied to.
const lies = 2

func newLiar(t *testing.T, to string, lie lie) *liar {
	l := &liar{t: t, to: to, lie: lie}
	l.srv = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(func() { l.srv.CloseClientConnections(); l.srv.Close(); l.wg.Wait() })
	return l
}

func (l *liar) url() string { return "ws" + strings.TrimPrefix(l.srv.URL, "http") + "/t" }

func (l *liar) serve(w http.ResponseWriter, r *http.Request) {
	l.wg.Add(1)
	defer l.wg.Done()
	honest := l.conns.Add(1) > lies
	up := websocket.Upgrader{Subprotocols: []string{"hydrasync.v1"}}
	city, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer city.Close()
	d := websocket.Dialer{Subprotocols: []string{"hydrasync.v1"}}
	capitol, _, err := d.Dial("ws://"+l.to+r.URL.Path, nil)
	if err != nil {
		return
	}
	defer capitol.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer capitol.Close()
		l.fromCity(city, capitol)
	}()
	l.toCity(capitol, city, honest)
	city.Close()
	<-done
}

// fromCity keeps the capitol from packing its messages, so that they can be read.
func (l *liar) fromCity(city, capitol *websocket.Conn) {
	for {
		_, b, err := city.ReadMessage()
		if err != nil {
			return
		}
		if b[0] == fHello {
			v := m{}
			if decoder.Unmarshal(b[2:], &v) == nil {
				v[5] = [][]byte{[]byte("chunks"), []byte("a feature of the year 2030")}
				b = frame(fHello, v)
			}
		}
		if capitol.WriteMessage(websocket.BinaryMessage, b) != nil {
			return
		}
	}
}

func (l *liar) toCity(capitol, city *websocket.Conn, honest bool) {
	say := func(b []byte) { city.WriteMessage(websocket.BinaryMessage, b) }
	for {
		_, b, err := capitol.ReadMessage()
		if err != nil {
			return
		}
		messages := [][]byte{b}
		if v := (m{}); !honest && decoder.Unmarshal(b[2:], &v) == nil {
			if other := l.lie(b[0], v, say); other != nil {
				l.told.Add(1)
				messages = other
			}
		}
		for _, b := range messages {
			if city.WriteMessage(websocket.BinaryMessage, b) != nil {
				return
			}
		}
	}
}
