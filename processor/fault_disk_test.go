package processor_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// fullDisk is a disk that can be full.
type fullDisk struct {
	vfs.FS
	full atomic.Bool
}

func newFullDisk() *fullDisk {
	d := &fullDisk{}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	return d
}

func (d *fullDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if d.full.Load() {
		return vfs.DiskUsage{}, nil
	}
	return vfs.DiskUsage{AvailBytes: 1 << 40}, nil
}

// fillDisk runs a node on a disk that fills up under load, until it says so. It
// returns how many events were written.
func (a *app) fillDisk(disk *fullDisk) (*runningNode, int) {
	a.t.Helper()
	a.prepare = func(n *processor.Node) { n.StoreWith(disk, 256<<10) }
	node := a.node()
	a.prepare = nil
	a.ready(node)
	out := a.follow("out")
	a.produce("in", "w-0", say("w-0", 10_000))
	out.next(1)
	disk.full.Store(true)
	n := 1
	a.await("the node to say that the disk is full", func() bool {
		for range 20 {
			id := fmt.Sprintf("w-%d", n)
			a.produce("in", id, say(id, 10_000))
			n++
		}
		s := node.Status()
		return !s.Ready && strings.Contains(s.Reason, "disk is full")
	})
	if log := a.logs.tail(1 << 20); !strings.Contains(log, "free some space, or stop this node") {
		a.t.Error("the log does not say what to do")
	}
	return node, n
}

// keepsWords is a workflow whose instances stay, so that there is something to store.
const keepsWords = `
workflow: wordy
version: 1
messages:
  Say:  {topic: %s.in, key: event.id}
  Said: {topic: %s.out}
start: {Say: {set: {text: =event.text}}}
do:
  - say: {send: Said, with: {id: =key, size: =size(text)}}
  - stay: {wait: 1h}
`

// A full disk stops decisions, with a message; nothing is lost or done twice, and
// it goes on by itself when there is space.
func TestNodeOnAFullDiskWaitsAndGoesOn(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), keepsWords)
	a.create(nil)
	disk := newFullDisk()
	node, n := a.fillDisk(disk)
	disk.full.Store(false)
	a.ready(node)
	out := a.follow("out")
	eachOnce(t, out.next(n))
	out.none(200 * time.Millisecond)
}

// A node whose disk is full can be stopped, and another one takes over.
func TestNodeOnAFullDiskCanBeStopped(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), keepsWords)
	a.create(nil)
	node, n := a.fillDisk(newFullDisk())
	began := time.Now()
	if err := node.stop(); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("stopping lost what was in memory, and said %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopping took %v", took)
	}
	a.ready(a.node())
	out := a.follow("out")
	eachOnce(t, out.next(n))
	out.none(200 * time.Millisecond)
}
