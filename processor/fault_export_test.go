package processor

import (
	"context"
	"net"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/statestore"
)

// DialThrough makes the node's clients (all but the one that follows the
// definitions) connect by dial, which may cut what it connects.
func (n *Node) DialThrough(dial func(ctx context.Context, network, host string) (net.Conn, error)) {
	n.newClient = func(opts ...kgo.Opt) (*kgo.Client, error) {
		return n.config.NewClient(append(opts, kgo.Dialer(dial))...)
	}
}

// Hurried makes the node halt a lane whose offsets are undecided for as long as
// hanging, and look again at a halted one after halted.
func (n *Node) Hurried(hanging, halted time.Duration) { n.patience = patience{hanging, halted} }

// StoreWith makes the node keep its local store on a file system, with little memory.
func (n *Node) StoreWith(disk vfs.FS, memTableBytes uint64) {
	n.store = statestore.Config{FS: disk, MemTableBytes: memTableBytes}
}
