package crash

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestMain(m *testing.M) { os.Exit(stand.Main(m)) }

// killat is built when it is asked for.
var killat = sync.OnceValues(func() (string, error) { return stand.Build("cmd/hydrasync/trials/crash/killat") })

func needsAMD64(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("killat needs amd64")
	}
}
