package highways

import (
	"os"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestMain(m *testing.M) { os.Exit(stand.Main(m)) }
