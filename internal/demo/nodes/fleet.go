package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"rondo/internal/child"
)

// stopPatience is how long a node may take to finish its transaction and leave.
const stopPatience = 20 * time.Second

// Fleet is the nodes of one application.
type Fleet struct {
	executable string
	args       []string // before --config FILE
	settings   Settings
	nodes      []*node
	failed     chan error // the first node that ended unasked
}

// node is one node through all its lives.
type node struct {
	number int // from 1
	config string
	log    string
	url    string // http://host:port

	mu      sync.Mutex
	process *child.Process // nil: not running
	counts  counts         // of /metrics, over all its lives
}

// NewFleet writes the configuration of n nodes into folders below dir. The
// nodes are run as `executable args… --config FILE`.
func NewFleet(executable string, args []string, dir string, n int, settings Settings) (*Fleet, error) {
	f := &Fleet{executable: executable, args: args, settings: settings, failed: make(chan error, 1)}
	for number := 1; number <= n; number++ {
		home := filepath.Join(dir, fmt.Sprintf("node-%d", number))
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of node %d: %w", number, err)
		}
		listen, err := freeAddress()
		if err != nil {
			return nil, err
		}
		config, err := settings.write(home, listen)
		if err != nil {
			return nil, err
		}
		f.nodes = append(f.nodes, &node{
			number: number, config: config, log: filepath.Join(home, "log.txt"), url: "http://" + listen,
		})
	}
	return f, nil
}

// freeAddress finds a port on loopback that nobody uses.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start starts all nodes.
func (f *Fleet) Start() error {
	for i := range f.nodes {
		if err := f.start(i); err != nil {
			return err
		}
	}
	return nil
}

// start begins a life of a node.
func (f *Fleet) start(i int) error {
	n := f.nodes[i]
	args := append(append([]string{}, f.args...), "--config", n.config)
	p, err := spawn(f.executable, args, n.log)
	if err != nil {
		return fmt.Errorf("node %d: %w", n.number, err)
	}
	n.mu.Lock()
	n.process = p
	n.counts.reborn()
	n.mu.Unlock()
	go f.watch(n, p)
	return nil
}

// spawn starts a node's process. Its output is appended to the log file.
func spawn(executable string, args []string, logPath string) (*child.Process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a node's log: %w", err)
	}
	defer log.Close()
	return child.Start(executable, args, log, log)
}

// watch reports a node that ended although nobody asked it to.
func (f *Fleet) watch(n *node, p *child.Process) {
	<-p.Ended()
	n.mu.Lock()
	unasked := n.process == p
	n.mu.Unlock()
	if !unasked {
		return
	}
	err := fmt.Errorf("node %d ended by itself (%v); the end of its log, %s:\n%s", n.number, p.Err(), n.log, child.Tail(n.log, 12))
	select {
	case f.failed <- err:
	default: // one report is enough to end the demo
	}
}

// Failed delivers an error when a node has ended by itself.
func (f *Fleet) Failed() <-chan error { return f.failed }

// release says that the node's process is meant to end, and returns it.
func (n *node) release() *child.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.process
	n.process = nil
	return p
}

// Kill ends a node (from 0) without warning.
func (f *Fleet) Kill(i int) error {
	p := f.nodes[i].release()
	if p == nil {
		return fmt.Errorf("node %d is not running", f.nodes[i].number)
	}
	return p.Kill()
}

// Stop lets all nodes finish and waits for them. The error tells of those that
// did not end in order.
func (f *Fleet) Stop() error {
	errs := make([]error, len(f.nodes))
	var waiting sync.WaitGroup
	for i, n := range f.nodes {
		p := n.release()
		if p == nil {
			continue
		}
		waiting.Go(func() {
			if err := p.Stop(stopPatience); err != nil {
				errs[i] = fmt.Errorf("stop node %d: %w; the end of its log, %s:\n%s", n.number, err, n.log, child.Tail(n.log, 12))
			}
		})
	}
	waiting.Wait()
	return errors.Join(errs...)
}

// AwaitRunning waits until every node is ready and all partitions run, three
// looks in a row, so that a rebalance between two looks is not missed.
func (f *Fleet) AwaitRunning(ctx context.Context) error {
	steady := 0
	for steady < 3 {
		r := f.Readiness(ctx)
		if r.Ready == len(f.nodes) && r.Running == f.settings.Partitions {
			steady++
		} else {
			steady = 0
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case err := <-f.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for all %d partitions to run (%s): %w", f.settings.Partitions, r, context.Cause(ctx))
		}
	}
	return nil
}
