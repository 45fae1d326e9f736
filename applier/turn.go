package applier

// turn is a lock that may be held while the disk is waited for. It is a channel and no
// mutex: who waits for it waits in virtual time too, which stands still for a mutex
// (testing/synctest).
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }
