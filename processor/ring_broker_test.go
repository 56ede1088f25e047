package processor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// A broker is killed while transactions run, several times, and started again.
// Whatever the ring answers, a worker that follows the ring's rules writes each
// number once and in order.
func TestKilledBrokerLosesAndDoublesNothing(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("kafka-%d", nodes), func(t *testing.T) {
			lab := newRingLab(t, kafkatest.Start(t, nodes))
			worker := lab.startWorker()
			for kill := range max(nodes, 2) { // each of three once
				worker.await(worker.done() + 20)
				lab.killAndRestart(kill % nodes)
			}
			worker.await(worker.done() + 20)
			worker.stop()
			numbers := make([]int, worker.done())
			for i := range numbers {
				numbers[i] = i + 1
			}
			lab.expect(numbers...)
			t.Logf("%d transactions; what ended or delayed them: %v", len(numbers), worker.troubles)
		})
	}
}

// killAndRestart kills a broker in the middle of whatever runs, and gives the
// others time to notice before it comes back.
func (l *ringLab) killAndRestart(node int) {
	l.t.Helper()
	kafka := l.cluster.Kafka
	if err := kafka.Kill(node); err != nil {
		l.t.Fatal(err)
	}
	if err := kafka.Restart(l.ctx, node); err != nil {
		l.t.Fatal(err)
	}
	if err := kafka.Ready(l.ctx); err != nil {
		l.t.Fatal(err)
	}
}

// labWorker commits 1, 2, 3, … as a lane does: what was aborted is committed
// again, and after anything else a new ring begins where the group's offset is.
type labWorker struct {
	lab      *ringLab
	cancel   context.CancelFunc
	ended    chan struct{}
	commits  chan int       // the number committed last; capacity 1, replaced
	last     int            // number seen by the test
	troubles map[string]int // of the worker until it has ended
}

func (l *ringLab) startWorker() *labWorker {
	ctx, cancel := context.WithCancel(l.ctx)
	w := &labWorker{lab: l, cancel: cancel, ended: make(chan struct{}), commits: make(chan int, 1), troubles: make(map[string]int)}
	go w.run(ctx)
	l.t.Cleanup(w.stop)
	return w
}

func (w *labWorker) run(ctx context.Context) {
	defer close(w.ended)
	for ctx.Err() == nil {
		reason, err := w.oneRing(ctx)
		if err != nil {
			w.lab.t.Error(err)
			return
		}
		w.troubles[reason]++
		select {
		case <-time.After(workerRest):
		case <-ctx.Done():
		}
	}
}

// workerRest is how long a worker rests before it opens another ring; brokers
// that are away refuse at once.
const workerRest = 100 * time.Millisecond

// oneRing works until the ring ends, and says why it did.
func (w *labWorker) oneRing(ctx context.Context) (reason string, err error) {
	ring, err := processor.OpenRing(ctx, w.lab.ringConfig())
	if err != nil {
		return "no ring", nil
	}
	defer ring.Close()
	offset, err := w.lab.fetchOffset()
	if err != nil {
		return "no offset", nil
	}
	next := int(max(offset, 0)) + 1
	for ctx.Err() == nil {
		err := w.lab.commit(ring, next)
		switch {
		case err == nil:
			w.tell(next)
			next++
		case errors.Is(err, processor.ErrAborted):
			w.troubles["aborted"]++
		case errors.Is(err, processor.ErrUnknown):
			return "outcome unknown", nil
		case errors.Is(err, processor.ErrFenced):
			return "fenced", nil
		default:
			return "", err
		}
	}
	return "stopped", nil
}

func (w *labWorker) tell(n int) {
	select {
	case <-w.commits:
	default:
	}
	w.commits <- n
}

// done is the number that was committed last, as far as the test has seen.
func (w *labWorker) done() int { return w.last }

// await waits until number n is committed.
func (w *labWorker) await(n int) {
	w.lab.t.Helper()
	for w.last < n {
		select {
		case w.last = <-w.commits:
		case <-w.lab.ctx.Done():
			w.lab.t.Fatalf("number %d was not committed; the last was %d", n, w.last)
		}
	}
}

// stop lets the transaction under way finish.
func (w *labWorker) stop() {
	w.cancel()
	select {
	case <-w.ended:
	case <-time.After(time.Minute):
		w.lab.t.Error("the worker does not end")
		return
	}
	select {
	case w.last = <-w.commits:
	default:
	}
}
