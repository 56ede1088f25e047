package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/processor"
)

// Result is what became of an order so far.
type Result struct {
	Order   Order
	Written Written
	Outcome *audit.Outcome // nil: nobody has decided on it yet, or nobody was waited for
}

// Refusal says why the order was refused; "" if it was not.
func (r Result) Refusal() string {
	switch o := r.Outcome; {
	case o == nil:
		return ""
	case o.Decision == nil:
		return fmt.Sprintf("%s (%s)", o.Dead.Text, o.Dead.Reason)
	case o.Decision.DeadLetter != nil:
		return fmt.Sprintf("%s (%s)", o.Decision.DeadLetter.Text, o.Decision.DeadLetter.Reason)
	}
	return ""
}

// CarryOut writes orders and waits so long for the decisions on them; 0: it does
// not wait. written hears of them once they stand in the inbox, before the wait.
// The results have the order of the orders.
func CarryOut(ctx context.Context, cfg processor.Config, wait time.Duration, orders []Order, written func([]Result) error) ([]Result, error) {
	sender, err := NewSender(cfg)
	if err != nil {
		return nil, err
	}
	defer sender.Close()
	records, err := sender.records(ctx, orders)
	if err != nil {
		return nil, err
	}
	var watch *audit.Watch
	if wait > 0 && len(orders) > 0 {
		if watch, err = audit.NewWatch(ctx, cfg, homes(records)...); err != nil {
			return nil, err
		}
		defer watch.Close()
	}
	at, err := sender.write(ctx, records)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(orders))
	for i, o := range orders {
		results[i] = Result{Order: o, Written: at[i]}
	}
	if err := written(results); err != nil || watch == nil {
		return results, err
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return results, await(waiting, watch, results)
}

// await fills in what becomes of the orders until ctx ends.
func await(ctx context.Context, watch *audit.Watch, results []Result) error {
	open := map[audit.Position]*Result{}
	var positions []audit.Position
	for i := range results {
		at := audit.Position{Partition: results[i].Written.Partition, Offset: results[i].Written.Offset}
		open[at] = &results[i]
		positions = append(positions, at)
	}
	err := watch.Await(ctx, positions, func(at audit.Position, o audit.Outcome) { open[at].Outcome = &o })
	if errors.Is(err, audit.ErrNotYet) {
		return nil
	}
	return err
}

// homes are the partitions to which records go, each once.
func homes(records []*kgo.Record) []int32 {
	var out []int32
	for _, r := range records {
		out = append(out, r.Partition)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
