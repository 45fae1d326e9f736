package applier

import (
	"bytes"
	"strings"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
	capability = "security.capability"
	setID      = 0o6000
)

// dress gives an open file or directory its owner, attributes, time and, last,
// its mode. st is what it has now. What the disk or our rights do not allow is
// told, not an error; a file that cannot have its owner gets no set-id bits and no
// capabilities, which would be another user's.
func dress(f *beneath.File, n *journal.Node, st beneath.Stat) (journal.Lack, error) {
	have, err := f.Xattrs()
	if err != nil {
		return 0, err
	}
	return dressOver(f, n, st, have)
}

// dressNew is dress for what was made in staging, which gives nothing of its own.
func dressNew(f *beneath.File, n *journal.Node, st beneath.Stat) (journal.Lack, error) {
	return dressOver(f, n, st, nil)
}

// dressOver removes the attributes that are there and not the node's.
func dressOver(f *beneath.File, n *journal.Node, st beneath.Stat, have []string) (lacks journal.Lack, err error) {
	if st.UID != n.UID || st.GID != n.GID {
		if lacks, err = own(f, n); err != nil {
			return lacks, err
		}
		st.Mode |= 1 << 31 // chown may have cleared set-id bits: set the mode in any case
	}
	lack, err := dressXattrs(f, n, have, lacks)
	lacks |= lack
	if err != nil {
		return lacks, err
	}
	if n.Kind == journal.File && (st.MSec != n.MTime.Sec || st.MNsec != n.MTime.Nsec) {
		if lack, err = allow(journal.LackTime, f.SetTime(n.MTime.Sec, n.MTime.Nsec)); err != nil {
			return lacks, err
		}
		lacks |= lack
	}
	mode := n.Mode
	if lacks&journal.LackOwner != 0 && mode&setID != 0 {
		mode &^= setID
		lacks |= journal.LackMode
	}
	if st.Mode != mode || len(n.Xattrs) > 0 {
		lack, err = allow(journal.LackMode, f.Chmod(mode))
		lacks |= lack
	}
	return lacks, err
}

// own sets owner and group, or at least the group.
func own(f *beneath.File, n *journal.Node) (journal.Lack, error) {
	err := f.Chown(n.UID, n.GID)
	if err == nil || !beneath.IsErrno(err, unix.EPERM, unix.EINVAL) {
		return 0, err
	}
	if err := f.Chown(^uint32(0), n.GID); err != nil && !beneath.IsErrno(err, unix.EPERM, unix.EINVAL) {
		return 0, err
	}
	st, err := f.Stat()
	if err == nil && st.UID == n.UID && st.GID == n.GID {
		return 0, nil
	}
	return journal.LackOwner, err
}

// allow turns "not here" and "not you" into what is lacking.
func allow(lack journal.Lack, err error) (journal.Lack, error) {
	if beneath.IsErrno(err, unix.EPERM, unix.EOPNOTSUPP, unix.EINVAL, unix.E2BIG, unix.ERANGE) {
		return lack, nil
	}
	return 0, err
}

// carried says which attributes a city sets and removes: those of users, ACLs,
// and capabilities. Others (security.*, trusted.*) belong to the machine.
func carried(name string) bool {
	return strings.HasPrefix(name, "user.") || name == aclAccess || name == aclDefault || name == capability
}

func lackOf(name string) journal.Lack {
	if name == aclAccess || name == aclDefault {
		return journal.LackACL
	}
	return journal.LackXattr
}

// dressXattrs makes the carried attributes exactly those of the node.
func dressXattrs(f *beneath.File, n *journal.Node, have []string, before journal.Lack) (lacks journal.Lack, err error) {
	want := make(map[string]bool, len(n.Xattrs))
	for _, x := range n.Xattrs {
		want[x.Name] = true
	}
	for _, name := range have {
		if carried(name) && !want[name] {
			lack, err := allow(lackOf(name), f.RemoveXattr(name))
			if lacks |= lack; err != nil && !beneath.IsErrno(err, unix.ENODATA) {
				return lacks, err
			}
		}
	}
	for _, x := range n.Xattrs {
		if !carried(x.Name) || x.Name == capability && before&journal.LackOwner != 0 {
			lacks |= journal.LackXattr
			continue
		}
		if old, err := f.Xattr(x.Name); err == nil && bytes.Equal(old, x.Value) {
			continue
		}
		lack, err := setXattr(f, x)
		if lacks |= lack; err != nil {
			return lacks, err
		}
	}
	return lacks, nil
}

// setXattr: ENOSPC is also what ext4 says of a value too large for its one
// block, however empty the disk.
func setXattr(f *beneath.File, x journal.Xattr) (journal.Lack, error) {
	err := f.SetXattr(x.Name, x.Value)
	if len(x.Value) > pageSize/2 && beneath.IsErrno(err, unix.ENOSPC) {
		return lackOf(x.Name), nil
	}
	return allow(lackOf(x.Name), err)
}
