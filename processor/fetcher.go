package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// input names one partition that a lane reads.
type input struct {
	topic     string
	partition int32
}

func inputOf(r *kgo.Record) input { return input{r.Topic, r.Partition} }

func (i input) String() string { return fmt.Sprintf("%s/%d", i.topic, i.partition) }

func compareInputs(a, b input) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}

// fetcher reads the inputs of all lanes of a node with one client, and hands
// each lane its records.
//
// The group client decides only who owns what; it fetches nothing. So a lane
// starts its inputs exactly where its changelog says, and can start them again
// there, without the group's own idea of a position getting in the way.
//
// One goroutine (run) owns the poll loop. Inputs are started and stopped by it
// between two polls: a record that was polled for a former owner of an input
// can therefore never reach the next one.
type fetcher struct {
	client  *kgo.Client
	orders  chan func() // run between two polls; unbuffered: the giver waits
	bounds  fetchBounds
	intakes map[input]*intake // touched by run only
}

type fetchBounds struct {
	pollRecords int // records taken from the client at once
	pauseAt     int // records waiting in a lane at which its inputs are paused
	resumeAt    int // records waiting at which they are resumed, if their bytes allow it
	pauseBytes  int // bytes of keys and values waiting at which they are paused; they are resumed at half of it
}

func newFetcher(client *kgo.Client) *fetcher {
	return &fetcher{
		client:  client,
		orders:  make(chan func()),
		bounds:  fetchBounds{pollRecords: 2000, pauseAt: 8000, resumeAt: 2000, pauseBytes: 32 << 20},
		intakes: make(map[input]*intake),
	}
}

// fetcherOptions are the options of the fetcher's client beside those that
// reach the cluster.
func fetcherOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Position counts control records too: a transaction's marker is often
		// the last thing in a partition, and "everything that was there has
		// been read" must become true behind it.
		kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.FetchMinBytes(1),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MaxDecompressBatchBytes(64 << 20),
	}
}

// run polls until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		f.turn(ctx)
	}
}

// turn waits for records, delivers them, and then carries out what was ordered
// meanwhile.
func (f *fetcher) turn(ctx context.Context) {
	polling, wake := context.WithCancel(ctx)
	defer wake()
	result := make(chan kgo.Fetches, 1)
	go func() { result <- f.client.PollRecords(polling, f.bounds.pollRecords) }()

	var orders []func()
	for {
		select {
		case order := <-f.orders:
			orders = append(orders, order)
			wake()
		case fetches := <-result:
			f.deliver(fetches)
			for _, order := range orders {
				order()
			}
			return
		}
	}
}

// deliver hands every partition's records, or its error, to the lane that reads it.
func (f *fetcher) deliver(fetches kgo.Fetches) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		in := input{p.Topic, p.Partition}
		to := f.intakes[in]
		if to == nil {
			return // stopped between the fetch and the poll; its next owner reads it again
		}
		if len(p.Records) > 0 {
			to.put(p.Records)
		}
		if p.Err != nil && !errors.Is(p.Err, context.Canceled) {
			to.fail(fmt.Errorf("read %v: %w", in, p.Err))
		}
	})
}

// start begins to read inputs at the given offsets and returns where the
// records arrive. It fails only when ctx ends; the order may be carried out all
// the same, so the intake is to be stopped then too.
func (f *fetcher) start(ctx context.Context, at map[input]int64) (*intake, error) {
	to := &intake{inputs: slices.Collect(maps.Keys(at)), ready: make(chan struct{}, 1), bounds: f.bounds}
	to.pause = func() { f.client.PauseFetchPartitions(byTopic(to.inputs)) }
	to.resume = func() { f.client.ResumeFetchPartitions(byTopic(to.inputs)) }
	offsets := make(map[string]map[int32]kgo.Offset)
	for in, offset := range at {
		if offsets[in.topic] == nil {
			offsets[in.topic] = make(map[int32]kgo.Offset)
		}
		offsets[in.topic][in.partition] = kgo.NewOffset().At(offset)
	}
	err := f.order(ctx, func() {
		// The client would go on where it is with an input that it still has,
		// from a lane whose stop was not waited for, instead of where it shall.
		f.drop(slices.DeleteFunc(slices.Clone(to.inputs), func(in input) bool { return f.intakes[in] == nil }))
		for _, in := range to.inputs {
			f.intakes[in] = to
		}
		to.resume() // a former lane may have left them paused
		f.client.AddConsumePartitions(offsets)
	})
	return to, err
}

// stop ends the reading of what i reads. When it returns, i gets no more records.
func (f *fetcher) stop(ctx context.Context, i *intake) error {
	return f.order(ctx, func() {
		f.drop(slices.DeleteFunc(slices.Clone(i.inputs), func(in input) bool { return f.intakes[in] != i }))
	})
}

// drop ends the reading of inputs. It is called by run only.
func (f *fetcher) drop(inputs []input) {
	for _, in := range inputs {
		delete(f.intakes, in)
	}
	f.client.RemoveConsumePartitions(byTopic(inputs))
}

func (f *fetcher) order(ctx context.Context, do func()) error {
	done := make(chan struct{})
	select {
	case f.orders <- func() { do(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// intake is the queue between the fetcher and one lane. It holds at most
// pauseAt records, or pauseBytes, and one poll more: above that the fetcher
// pauses the lane's partitions, and Kafka keeps the rest.
type intake struct {
	inputs []input // never changed: both sides read it
	bounds fetchBounds
	ready  chan struct{} // capacity 1: there is something to take
	pause  func()
	resume func()

	// mu guards what follows. Pause and resume are called under it, so that they
	// cannot overtake each other; they only set a flag in the client.
	mu      sync.Mutex
	records []*kgo.Record
	bytes   int // of keys and values
	err     error
	paused  bool
}

// put appends records, and pauses the lane's partitions when too many wait.
// Behind an error nothing is taken any more: the client may have gone back, or
// ahead, to find where to go on.
func (i *intake) put(records []*kgo.Record) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return
	}
	i.records = append(i.records, records...)
	i.bytes += payloadBytes(records)
	if !i.paused && (len(i.records) >= i.bounds.pauseAt || i.bytes >= i.bounds.pauseBytes) {
		i.paused = true
		i.pause()
	}
	i.signal()
}

// fail keeps the first error of a partition that cannot be read any more.
func (i *intake) fail(err error) {
	i.mu.Lock()
	if i.err == nil {
		i.err = err
	}
	i.mu.Unlock()
	i.signal()
}

// take removes and returns up to limit records. The error is returned once the
// records in front of it have been taken.
func (i *intake) take(limit int) ([]*kgo.Record, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := min(limit, len(i.records))
	taken := i.records[:n:n]
	i.records = i.records[n:]
	i.bytes -= payloadBytes(taken)
	if i.paused && len(i.records) <= i.bounds.resumeAt && i.bytes <= i.bounds.pauseBytes/2 {
		i.paused = false
		i.resume()
	}
	if len(i.records) > 0 {
		i.signal()
		return taken, nil
	}
	i.records = nil // let the array go
	if n > 0 {
		if i.err != nil {
			i.signal()
		}
		return taken, nil
	}
	return nil, i.err
}

func (i *intake) signal() {
	select {
	case i.ready <- struct{}{}:
	default:
	}
}

func payloadBytes(records []*kgo.Record) int {
	n := 0
	for _, r := range records {
		n += len(r.Key) + len(r.Value)
	}
	return n
}

// byTopic is how the client wants partitions named.
func byTopic(inputs []input) map[string][]int32 {
	out := make(map[string][]int32)
	for _, in := range inputs {
		out[in.topic] = append(out[in.topic], in.partition)
	}
	return out
}
