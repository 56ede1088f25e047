package services

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Journal hears of every event that was written: where it stands, and when its
// service handed it to the producer.
type Journal interface {
	Sent(topic string, partition int32, offset int64, handed time.Time)
}

// maxPending bounds the answers that wait for their time. A service that has
// more takes no further commands until some are sent.
const maxPending = 20_000

// outbox sends records when their time has come.
type outbox struct {
	client  *kgo.Client
	journal Journal // may be nil
	fail    context.CancelCauseFunc

	pending chan struct{} // holds one token for each record that waits
	hurry   chan struct{} // closed: nothing waits any more
	once    sync.Once

	mu      sync.Mutex
	closed  bool           // nothing more is sent
	waiting sync.WaitGroup // records under way; joined only while not closed
}

func newOutbox(client *kgo.Client, journal Journal, fail context.CancelCauseFunc) *outbox {
	return &outbox{
		client: client, journal: journal, fail: fail,
		pending: make(chan struct{}, maxPending), hurry: make(chan struct{}),
	}
}

// send writes a record after a time and calls done when it was acknowledged. A
// record that cannot be written fails the service. After close it does nothing.
func (o *outbox) send(r *kgo.Record, after time.Duration, done func()) {
	if !o.admit() {
		return
	}
	o.pending <- struct{}{}
	if after <= 0 {
		o.produce(r, done)
		return
	}
	go func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-o.hurry:
		}
		o.produce(r, done)
	}()
}

func (o *outbox) admit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.waiting.Add(1)
	}
	return !o.closed
}

func (o *outbox) produce(r *kgo.Record, done func()) {
	handed := time.Now()
	// Without a context of its own: what was begun is acknowledged or fails,
	// also while the service stops.
	o.client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		defer o.waiting.Done()
		<-o.pending
		if err != nil {
			o.fail(fmt.Errorf("write to %s: %w", r.Topic, err))
			return
		}
		if o.journal != nil {
			o.journal.Sent(r.Topic, r.Partition, r.Offset, handed)
		}
		done()
	})
}

// flush sends everything that waits, and from now on without waiting.
func (o *outbox) flush() { o.once.Do(func() { close(o.hurry) }) }

// close sends what waits, takes nothing more, and returns when everything was
// acknowledged or has failed.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.flush()
	o.waiting.Wait()
}
