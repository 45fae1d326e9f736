package wire

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Count is what the connections of a listening port carried, both ways, as the kernel counted it
// on the side that listens: every byte, handshakes and framing included, and
// nobody is slowed down by being counted. Closed connections are forgotten; count before they close.
type Count struct {
	Sent, Received int64 // as acknowledged by the other side; as it arrived
	Connections    int
}

// Both ways.
func (c Count) Both() int64 { return c.Sent + c.Received }

// Minus is what came since.
func (c Count) Minus(o Count) Count {
	return Count{c.Sent - o.Sent, c.Received - o.Received, c.Connections - o.Connections}
}

// The parts of sock_diag(7) that x/sys does not have.
const (
	diagInfo     = 2 // INET_DIAG_INFO: struct tcp_info
	requestSize  = 56
	answerSize   = 72
	established  = 1 << 1
	closeWaiting = 1 << 8
)

// Of asks for the connections of a local TCP port (inet_diag; sock_diag(7)).
func Of(port uint16) (Count, error) {
	var all Count
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		one, err := ofFamily(family, port)
		if err != nil {
			return all, fmt.Errorf("count bytes of port %d: %w", port, err)
		}
		all = Count{all.Sent + one.Sent, all.Received + one.Received, all.Connections + one.Connections}
	}
	return all, nil
}

func ofFamily(family byte, port uint16) (c Count, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return c, err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, request(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return c, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return c, err
		}
		if done, err := c.read(buf[:n], port); done || err != nil {
			return c, err
		}
	}
}

// request is struct nlmsghdr and struct inet_diag_req_v2: all TCP sockets that carry bytes.
func request(family byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr+requestSize)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[16], b[17], b[18] = family, unix.IPPROTO_TCP, 1<<(diagInfo-1)
	binary.NativeEndian.PutUint32(b[20:], established|closeWaiting)
	return b
}

// read adds up the messages of one datagram.
func (c *Count) read(b []byte, port uint16) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, fmt.Errorf("netlink message of %d bytes", size)
		}
		body := b[unix.SizeofNlMsghdr:size]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			return true, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		}
		// struct inet_diag_msg: four bytes, then the ports in network order.
		if len(body) >= answerSize && binary.BigEndian.Uint16(body[4:]) == port {
			c.add(body[answerSize:])
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return false, nil
}

// add finds struct tcp_info among the attributes of a socket.
func (c *Count) add(attributes []byte) {
	for len(attributes) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(attributes))
		if size < unix.SizeofNlAttr || size > len(attributes) {
			return
		}
		if binary.NativeEndian.Uint16(attributes[2:]) == diagInfo {
			var info unix.TCPInfo
			value := attributes[unix.SizeofNlAttr:size]
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)), value)
			c.Sent += int64(info.Bytes_acked)
			c.Received += int64(info.Bytes_received)
			c.Connections++
		}
		attributes = attributes[min(len(attributes), (size+3)&^3):]
	}
}
