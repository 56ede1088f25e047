package kafkatest

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Wire is the connection between a client and its brokers, which a test can
// cut around requests of one kind: kgo.Dialer(wire.Dial).
//
// The zero value loses nothing.
type Wire struct {
	mu    sync.Mutex // guards the fields below
	key   int16
	when  Cut
	left  int // requests still to be cut; negative: all
	count int // requests cut so far
}

// Cut says when a connection is cut.
type Cut int

const (
	// BeforeRequest: the request does not reach the broker.
	BeforeRequest Cut = iota + 1
	// BeforeAnswer: the broker has carried the request out, and its answer
	// does not reach the client.
	BeforeAnswer
)

// errCut is what a client sees when the other side goes away.
var errCut = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// Cut cuts the connections of the next n requests of a kind; n < 0: of all
// until Mend.
func (w *Wire) Cut(key kmsg.Key, when Cut, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.key, w.when, w.left = int16(key), when, n
}

// Mend ends the cutting and returns how many requests it has hit.
func (w *Wire) Mend() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = 0
	return w.count
}

// due reports what shall happen to a request of a kind.
func (w *Wire) due(key int16) Cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 || key != w.key {
		return 0
	}
	w.left--
	w.count++
	return w.when
}

// Dial connects to a broker.
func (w *Wire) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: conn, wire: w}, nil
}

// wireConn looks at the requests that pass. The client writes whole requests.
type wireConn struct {
	net.Conn
	wire *Wire

	mu   sync.Mutex // guards lose
	lose bool       // cut as soon as the broker answers
}

const requestKeyAt = 4 // behind the size

func (c *wireConn) Write(request []byte) (int, error) {
	if len(request) >= requestKeyAt+2 {
		switch c.wire.due(int16(binary.BigEndian.Uint16(request[requestKeyAt:]))) {
		case BeforeRequest:
			c.Conn.Close()
			return 0, errCut
		case BeforeAnswer:
			c.mu.Lock()
			c.lose = true
			c.mu.Unlock()
		}
	}
	return c.Conn.Write(request)
}

func (c *wireConn) Read(answer []byte) (int, error) {
	n, err := c.Conn.Read(answer)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lose && n > 0 {
		c.Conn.Close()
		return 0, errCut
	}
	return n, err
}
