package processor

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// post stages a letter: into the inbox of the partition where its address is at
// home, also if that is our own. So every input has coordinates, the order of
// letters is that of a topic, and what is decided again is read again.
func (b *batch) post(ctx context.Context, d *decisionOf, letter *topology.Letter) error {
	if err := b.tell(ctx, letter.To, schemas.NewLetter(letter)); err != nil {
		return fmt.Errorf("letter %s of %s to %s: %w", letter.Kind, d.to, letter.To, err)
	}
	b.expect(d, letter)
	b.tally.letters[letterLabels{letter.To.Workflow, string(letter.Kind)}]++
	return nil
}

// expect notes where what answers a letter comes from, before the first answer
// comes: the horizon of the partition's timers has to wait for it.
func (b *batch) expect(d *decisionOf, letter *topology.Letter) {
	switch {
	case letter.Kind == topology.LetterRun && letter.Awaited:
		for _, topic := range b.tenure.lane.shared.catalog.readsOf(letter.To.Workflow) {
			b.tenure.feeders[topic] = true
		}
	case letter.Kind == topology.LetterAnnounce:
		for _, m := range d.plan.Definition().Messages {
			if m.Correlate != "" {
				b.tenure.feeders[m.Topic] = true
			}
		}
	default:
		return
	}
	b.tenure.feeders[b.tenure.lane.shared.topics.Inbox] = true
}

// consumeLetter decides what another instance or a desk tells one of this
// partition.
func (b *batch) consumeLetter(ctx context.Context, letter topology.Letter, record *kgo.Record) error {
	to := letter.To
	instance, err := b.instance(to.String())
	if err != nil {
		return err
	}
	plan, err := b.planForLetter(ctx, to, instance, record)
	if err != nil {
		return err
	}
	if plan == nil {
		return b.undeliverable(ctx, letter, record)
	}
	before := instance
	if instance, err = b.rested(ctx, to); err != nil {
		return err
	}
	if instance != before { // what it owed may have ended its run
		if plan, err = b.planForLetter(ctx, to, instance, record); err != nil || plan == nil {
			return errors.Join(err, errors.New("the workflow of "+to.String()+" was withdrawn meanwhile"))
		}
	}
	in := topology.Input{At: b.tenure.now(), Letter: &letter}
	if refused := b.tenure.refused; refused.is(record) {
		in.Refused = refused.text
	}
	return b.decide(ctx, plan, to, instance, in, record)
}

// undeliverable is where a letter is for a workflow that is not deployed: a parent
// that waits is told, once, for that is in the transaction that passes over the
// letter. All else is a dead letter.
func (b *batch) undeliverable(ctx context.Context, letter topology.Letter, record *kgo.Record) error {
	if answer, awaited := topology.Undeliverable(letter, b.tenure.now()); awaited {
		b.tenure.lane.log.Warn("a child cannot begin: its workflow is not deployed", "child", letter.To.String(), "parent", letter.From.String())
		b.tally.letters[letterLabels{answer.To.Workflow, string(answer.Kind)}]++
		return b.tell(ctx, answer.To, schemas.NewLetter(&answer))
	}
	return b.bury(ctx, record, deadLetter{
		topology.DeadLetter{Reason: deadInbox, Text: fmt.Sprintf("a letter (%s) from %s: the workflow %s is not deployed. Deploy it, and write the record to the inbox again",
			letter.Kind, letter.From, letter.To.Workflow)},
		letter.To.Workflow, letter.To.Key,
	})
}

// planForLetter returns the plan by which a letter is considered: that of the
// run that is there, else the newest; nil if the workflow is not deployed. The
// lane that has written the letter may have learned of the workflow a moment
// earlier than this node.
func (b *batch) planForLetter(ctx context.Context, to topology.Address, instance *topology.Instance, record *kgo.Record) (*topology.Plan, error) {
	if keepsVersion(instance) {
		return b.planOf(ctx, instance)
	}
	plan, err := b.newest(ctx, to.Workflow)
	if err != nil || plan != nil {
		return plan, err
	}
	if err := b.syncDefinitions(ctx, record); err != nil {
		return nil, err
	}
	return b.newest(ctx, to.Workflow)
}
