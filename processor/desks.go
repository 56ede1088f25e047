package processor

import (
	"context"
	"maps"
	"slices"

	"rondo/topology"
)

// keepDesks tells the schedules and gates that are at home in this partition of
// definitions that are new to this tenure: all of them at its beginning, later
// the newest version of a workflow when another one is deployed. A schedule then
// arms itself, arms itself anew, or goes; a gate lets those through that a higher
// limit allows. That they fire is a timer like any other. Mailboxes need not be
// told: they know no version.
//
// A desk is a state of its own and is only told, so it does not matter how often;
// what a batch has told is forgotten with the batch if that is aborted.
func (b *batch) keepDesks(ctx context.Context) error {
	t := b.tenure
	set := t.lane.shared.catalog.set.Load()
	if set == t.definitions {
		return nil
	}
	for _, workflow := range slices.Sorted(maps.Keys(set.newest)) {
		plan := set.newest[workflow]
		for _, to := range set.standing[workflow] {
			if b.home(to) != t.lane.partition || t.told[to] == plan {
				continue
			}
			if b.full() {
				return nil // the rest in the next batch
			}
			if err := b.tellDesk(ctx, plan, to); err != nil {
				return err
			}
		}
	}
	b.definitions = set
	return nil
}

// tellDesk lets a desk see the newest version. Gates that keep nothing, and
// schedules that neither are nor shall be, are passed over.
func (b *batch) tellDesk(ctx context.Context, plan *topology.Plan, to topology.Address) error {
	if b.told == nil {
		b.told = make(map[topology.Address]*topology.Plan)
	}
	b.told[to] = plan
	instance, err := b.rested(ctx, to)
	if err != nil {
		return err
	}
	begins := to == topology.ScheduleAddress(to.Workflow) && plan.Definition().Schedule != nil
	if instance == nil && !begins {
		return nil
	}
	b.inputs++
	if err := b.decide(ctx, plan, to, instance, topology.Input{At: b.tenure.now()}, nil); err != nil {
		return err
	}
	b.whole = b.inputs
	return nil
}

// desksKept notes that what the batch has told desks is committed, or has changed
// nothing.
func (b *batch) desksKept() {
	maps.Copy(b.tenure.told, b.told)
	if b.definitions != nil {
		b.tenure.definitions = b.definitions
	}
}

// standingDesks are, for each workflow, the desks that have to hear of a newer
// version: its schedule, and the gates of all versions, for calls may wait at one
// that the newest does not have.
func standingDesks(plans []*topology.Plan) map[string][]topology.Address {
	out := make(map[string][]topology.Address)
	for _, p := range plans {
		name := p.Definition().Name
		if len(out[name]) == 0 {
			out[name] = append(out[name], topology.ScheduleAddress(name))
		}
		for _, gate := range p.Gates() {
			if !slices.Contains(out[name], gate) {
				out[name] = append(out[name], gate)
			}
		}
	}
	return out
}
