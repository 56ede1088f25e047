package observer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/verdict"
)

// maxFinished is how many of the last finished cases are kept to be shown.
const maxFinished = 50

// Observer watches one run.
type Observer struct {
	run    string
	legend Legend
	client *kgo.Client

	latencies *latencies

	mu       sync.Mutex
	open     map[string]*path
	ended    map[string]*path // by case; only as much as is needed to tell a repeated outcome
	finished []*path          // the last ones, oldest first
	progress Progress
	changed  chan struct{} // closed and renewed at each end of a case
}

// Progress is how far a run is, in cases.
type Progress struct {
	Started, Completed, Failed, Noted int
}

// InFlight is the number of cases that began and have not ended.
func (p Progress) InFlight() int { return p.Started - p.Completed - p.Failed }

// Ended is the number of cases that have.
func (p Progress) Ended() int { return p.Completed + p.Failed }

// New opens an observer of the records behind start. It sees nothing until Run;
// the caller closes it.
func New(brokers []string, scope verdict.Scope, legend Legend) (*Observer, error) {
	from := map[string]map[int32]kgo.Offset{}
	watched := append(append([]string{scope.Topics.Ledger}, scope.Topics.Inputs...), scope.Topics.Commands...)
	for _, topic := range watched {
		from[topic] = map[int32]kgo.Offset{}
	}
	scope.Start.Each(func(o kadm.Offset) {
		if partitions, ok := from[o.Topic]; ok {
			partitions[o.Partition] = kgo.NewOffset().At(o.At)
		}
	})
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("rondo-demo-observer"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(from),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("open the observer: %w", err)
	}
	return &Observer{
		run: scope.Run, legend: legend, client: client,
		latencies: newLatencies(),
		open:      map[string]*path{},
		ended:     map[string]*path{},
		changed:   make(chan struct{}),
	}, nil
}

// Close ends the observer's client; what was seen can still be asked for.
func (o *Observer) Close() { o.client.Close() }

// Run watches until ctx ends, and returns nil then.
func (o *Observer) Run(ctx context.Context) error {
	for {
		fetches := o.client.PollFetches(ctx)
		seen := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		var failed error
		fetches.EachError(func(topic string, partition int32, err error) {
			failed = errors.Join(failed, fmt.Errorf("observe %s/%d: %w", topic, partition, err))
		})
		if failed != nil {
			return failed
		}
		fetches.EachRecord(func(r *kgo.Record) { o.take(r, seen) })
	}
}

// Sent notes that an event was handed to its producer; see services.Journal.
func (o *Observer) Sent(topic string, partition int32, offset int64, handed time.Time) {
	o.latencies.sent(verdict.Place{Topic: topic, Partition: partition, Offset: offset}, handed)
}

func (o *Observer) take(r *kgo.Record, seen time.Time) {
	if !strings.HasPrefix(string(r.Key), o.run) {
		return
	}
	if cause, ok := parsePlace(Header(r, "rondo-cause")); ok && Header(r, "rondo-attempt") == "1" {
		o.latencies.seen(cause, seen)
	}
	sign := o.legend(r)
	if sign == (Sign{}) {
		return
	}
	if sign.Case == "" {
		sign.Case = string(r.Key)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.note(sign, r.Timestamp)
}

// note adds what a record means to its case's path.
func (o *Observer) note(sign Sign, at time.Time) {
	p := o.pathOf(sign.Case)
	if sign.Stop != "" {
		p.stops = append(p.stops, stop{at, sign.Stop})
	}
	if sign.Begins && p.began.IsZero() {
		p.began = at
		o.progress.Started++
	}
	if sign.Noted && !p.noted {
		p.noted = true
		if !p.ended.IsZero() {
			o.progress.Noted++
		}
	}
	if sign.Ends != "" {
		o.end(p, at, sign.Ends, sign.Failed)
	}
}

func (o *Observer) pathOf(key string) *path {
	if p, ok := o.ended[key]; ok {
		return p
	}
	p, ok := o.open[key]
	if !ok {
		p = &path{key: key}
		o.open[key] = p
	}
	return p
}

// end notes the first outcome of a case; that there is a second one is for the
// verdict to say.
func (o *Observer) end(p *path, at time.Time, outcome string, failed bool) {
	if !p.ended.IsZero() {
		return
	}
	p.ended, p.outcome, p.failed = at, outcome, failed
	delete(o.open, p.key)
	o.ended[p.key] = p
	o.finished = append(o.finished, p)
	if len(o.finished) > maxFinished {
		o.finished[0].stops = nil // it will not be shown any more
		o.finished = o.finished[1:]
	}
	if failed {
		o.progress.Failed++
	} else {
		o.progress.Completed++
	}
	if p.noted {
		o.progress.Noted++
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

// Progress is how far the run is now.
func (o *Observer) Progress() Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress
}

// Last lists the cases that ended last, the newest first.
func (o *Observer) Last(n int) []Finished {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []Finished
	for i := len(o.finished) - 1; i >= 0 && len(out) < n; i-- {
		out = append(out, o.finished[i].finished())
	}
	return out
}

// AwaitEnded waits until that many cases have ended.
func (o *Observer) AwaitEnded(ctx context.Context, cases int) error {
	for {
		o.mu.Lock()
		ended, changed := o.progress.Ended(), o.changed
		o.mu.Unlock()
		if ended >= cases {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d to end, %d have: %w", cases, ended, context.Cause(ctx))
		}
	}
}

// Latency of the steps whose events were handed over since a time (zero: all),
// leaving out those that were under way in one of the windows.
func (o *Observer) Latency(since time.Time, without ...Window) Quantiles {
	return o.latencies.quantiles(since, without)
}

// parsePlace reads topic/partition/offset.
func parsePlace(s string) (verdict.Place, bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return verdict.Place{}, false
	}
	partition, err1 := strconv.ParseInt(parts[1], 10, 32)
	offset, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err1 != nil || err2 != nil {
		return verdict.Place{}, false
	}
	return verdict.Place{Topic: parts[0], Partition: int32(partition), Offset: offset}, true
}
