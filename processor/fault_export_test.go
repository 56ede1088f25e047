package processor

import (
	"context"
	"net"

	"github.com/twmb/franz-go/pkg/kgo"
)

// DialThrough makes the node's clients (all but the one that follows the
// definitions) connect by dial, which may cut what it connects.
func (n *Node) DialThrough(dial func(ctx context.Context, network, host string) (net.Conn, error)) {
	n.newClient = func(opts ...kgo.Opt) (*kgo.Client, error) {
		return n.config.NewClient(append(opts, kgo.Dialer(dial))...)
	}
}
