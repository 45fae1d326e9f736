package trials

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestMain(m *testing.M) { os.Exit(stand.Main(m, buildFlags...)) }

// rig is a capitol, a city, and a proxy between that can be cut.
type rig struct {
	src, dst, state string
	capitol, city   *stand.Process
	proxy           *proxy
	cityArgs        []string // more of them
}

func newRig(t *testing.T) *rig {
	t.Helper()
	stand.Needs(t, "rsync")
	dir := t.TempDir()
	r := &rig{src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst"), state: filepath.Join(dir, "state")}
	for _, d := range []string{r.src, r.dst} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *rig) start(t *testing.T) {
	t.Helper()
	listen := stand.Address(t)
	r.proxy = newProxy(t, listen)
	r.capitol = stand.Start(t, "capitol", "--tree", "t="+r.src, "--listen", listen, "--state", r.state, "--log-format", "json")
	r.city = stand.Start(t, append([]string{"city", "--from", "ws://" + r.proxy.addr() + "/t", "--to", r.dst, "--log-format", "json"}, r.cityArgs...)...)
}

func (r *rig) mustBecomeEqual(t *testing.T) {
	t.Helper()
	stand.Equal(t, r.src, r.dst, r.capitol, r.city)
}
