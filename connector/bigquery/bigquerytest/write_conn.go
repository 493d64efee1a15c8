package bigquerytest

import (
	"errors"
	"net"
	"sync"
)

// cuttable is a listener whose connections can be cut as a network does it:
// with a TCP reset, in the middle of whatever happens on them.
type cuttable struct {
	net.Listener

	mu    sync.Mutex
	conns map[*cuttableConn]struct{}
}

// listen opens a port on the loopback interface.
func listen() (*cuttable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, err
	}
	return &cuttable{Listener: l, conns: map[*cuttableConn]struct{}{}}, nil
}

// Accept keeps the connection in mind.
func (c *cuttable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	mine := &cuttableConn{conn, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[mine] = struct{}{}
	return mine, nil
}

// cut resets the connections of all clients; new ones are welcome.
func (c *cuttable) cut() {
	c.mu.Lock()
	conns := c.conns
	c.conns = map[*cuttableConn]struct{}{}
	c.mu.Unlock()
	for conn := range conns {
		// Without lingering, Close sends a reset and drops what is unsent.
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it may be closed already
		}
		_ = conn.Conn.Close()
	}
}

type cuttableConn struct {
	net.Conn
	of *cuttable
}

func (c *cuttableConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	if err := c.Conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
