package processor

import (
	"context"
	"maps"
	"slices"

	"rondo/topology"
)

// keepSchedules tells the schedules that are at home in this partition of
// definitions that are new to this tenure: all of them at its beginning, later
// the newest version of a workflow when another one is deployed. A schedule then
// arms itself, arms itself anew, or goes. That it fires is a timer like any other.
//
// A schedule is a state of its own and is only told, so it does not matter how
// often; what a batch has told is forgotten with the batch if that is aborted.
func (b *batch) keepSchedules(ctx context.Context) error {
	t := b.tenure
	set := t.lane.shared.catalog.set.Load()
	if set == t.schedules {
		return nil
	}
	for _, workflow := range slices.Sorted(maps.Keys(set.newest)) {
		plan, to := set.newest[workflow], topology.ScheduleAddress(workflow)
		if b.home(to) != t.lane.partition || t.scheduled[workflow] == plan {
			continue
		}
		if b.full() {
			return nil // the rest in the next batch
		}
		if err := b.keepSchedule(ctx, plan, to); err != nil {
			return err
		}
	}
	b.schedules = set
	return nil
}

func (b *batch) keepSchedule(ctx context.Context, plan *topology.Plan, to topology.Address) error {
	if b.scheduled == nil {
		b.scheduled = make(map[string]*topology.Plan)
	}
	b.scheduled[to.Workflow] = plan
	instance, err := b.rested(ctx, to)
	if err != nil {
		return err
	}
	if instance == nil && plan.Definition().Schedule == nil {
		return nil
	}
	b.inputs++
	return b.decide(ctx, plan, to, instance, topology.Input{At: b.tenure.now()}, nil)
}

// schedulesKept notes that what the batch has told schedules is committed, or has
// changed nothing.
func (b *batch) schedulesKept() {
	maps.Copy(b.tenure.scheduled, b.scheduled)
	if b.schedules != nil {
		b.tenure.schedules = b.schedules
	}
}
