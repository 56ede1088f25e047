package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// consume decides one record of an input, or passes over it.
func (b *batch) consume(ctx context.Context, record *kgo.Record) error {
	t := b.tenure
	if !record.Attrs.IsControl() {
		b.inputs++
		if err := b.dispatch(ctx, record); err != nil {
			// Not decided, not lost: whoever owns the partition next reads it again.
			return fmt.Errorf("decide %s: %w", coordinates(record), err)
		}
	}
	b.records = append(b.records, record)
	t.next[input{record.Topic, record.Partition}] = record.Offset + 1
	return nil
}

func (b *batch) dispatch(ctx context.Context, record *kgo.Record) error {
	if refused := b.tenure.refused; refused != nil && refused.is(record) {
		b.tenure.refused = nil
		return b.bury(ctx, record, deadLetter{DeadLetter: topology.DeadLetter{Reason: deadTooLarge, Text: refused.text}})
	}
	if record.Topic == b.tenure.lane.shared.topics.Inbox {
		return b.consumeInbox(ctx, record)
	}
	return b.consumeSource(ctx, record)
}

// Reasons for dead letters that are given here; the others come from topology
// and schemas.
const (
	deadUndecodable = "undecodable"
	deadUnmatched   = "unmatched"
	deadTooLarge    = "too-large"
	deadInbox       = "inbox"
)

// consumeSource decides a record for every workflow that has a message for it.
func (b *batch) consumeSource(ctx context.Context, record *kgo.Record) error {
	if err := b.awaitReaders(ctx, record.Topic); err != nil {
		return err
	}
	matches, err := b.match(ctx, record, b.tenure.lane.shared.catalog.Routes(record.Topic))
	if err != nil {
		return b.unusable(ctx, record, err)
	}
	if len(matches) == 0 {
		return b.unmatched(ctx, record)
	}
	for _, m := range matches {
		if m.dead != nil {
			return b.bury(ctx, record, deadLetter{*m.dead, m.workflow, ""})
		}
	}
	for _, m := range matches {
		for _, key := range m.keys {
			if b.home(key) != b.tenure.lane.partition {
				if err := b.forward(ctx, m.workflow, key, record); err != nil {
					return err
				}
				continue
			}
			if err := b.decideEvent(ctx, m, key, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitReaders waits, loudly, while a definition that may want the topic's
// records cannot be compiled by this node: passing over them would lose them.
func (b *batch) awaitReaders(ctx context.Context, topic string) error {
	catalog := b.tenure.lane.shared.catalog
	_, err := waitFor(ctx, b.tenure.lane, "a definition that reads "+topic, func() (struct{}, error) {
		return struct{}{}, catalog.Blocked(topic)
	})
	return err
}

// unusable makes a dead letter of a record that cannot be decoded.
func (b *batch) unusable(ctx context.Context, record *kgo.Record, err error) error {
	var undecodable *schemas.Undecodable
	if !errors.As(err, &undecodable) {
		return err
	}
	return b.bury(ctx, record, deadLetter{DeadLetter: topology.DeadLetter{
		Reason: deadUndecodable,
		Text:   undecodable.Code + ": " + undecodable.Text,
	}})
}

// unmatched passes over a record that no definition has a message for.
func (b *batch) unmatched(ctx context.Context, record *kgo.Record) error {
	if b.tenure.lane.shared.config.Sources[record.Topic].UnmatchedDead {
		return b.bury(ctx, record, deadLetter{DeadLetter: topology.DeadLetter{
			Reason: deadUnmatched,
			Text:   "no message of any deployed definition fits this record: check its type, or set sources." + record.Topic + ".unmatched to skip",
		}})
	}
	b.tally.skipped[record.Topic]++
	return nil
}

// matched is a record that one workflow has a message for: by its newest
// version, or by an older one that may have living instances.
type matched struct {
	workflow string
	keys     []string // of all versions, without repetition
	versions []versionMatch
	dead     *topology.DeadLetter
}

type versionMatch struct {
	plan   *topology.Plan
	match  topology.Match
	record *topology.Record
}

// match finds, for each workflow, the messages that a record fits. Routes come
// ordered by workflow, newest version first.
func (b *batch) match(ctx context.Context, record *kgo.Record, routes []Route) ([]matched, error) {
	var out []matched
	decoded := decodedBy{}
	for _, route := range routes {
		payload, ok, err := b.decode(ctx, &decoded, route.Reader, record)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		found, ok := route.Plan.Match(payload)
		if !ok {
			continue
		}
		if len(out) == 0 || out[len(out)-1].workflow != route.Workflow {
			out = append(out, matched{workflow: route.Workflow})
		}
		out[len(out)-1].add(versionMatch{route.Plan, found, payload})
	}
	return out, nil
}

func (m *matched) add(v versionMatch) {
	if v.match.Dead != nil {
		m.dead = v.match.Dead
		return
	}
	m.versions = append(m.versions, v)
	for _, key := range v.match.Keys {
		if !slices.Contains(m.keys, key) {
			m.keys = append(m.keys, key)
		}
	}
}

// choose returns the version by which an instance, or a new one, considers the
// record; false if that version has no message for it. A new run begins with
// the newest version; a living instance keeps its own.
func (m *matched) choose(instance *topology.Instance, key string, newest *topology.Plan) (versionMatch, bool) {
	want := newest.Definition().Version
	if instance != nil && !instance.Ended() {
		want = instance.Version
	}
	for _, v := range m.versions {
		if v.plan.Definition().Version == want {
			return v, slices.Contains(v.match.Keys, key)
		}
	}
	return versionMatch{}, false
}

// decodedBy remembers the payload of one record by the reader that decoded it:
// definitions that describe a topic alike share a reader.
type decodedBy struct {
	readers []*schemas.Reader
	records []*topology.Record // nil: of a type that the reader does not know
}

// decode returns the record as expressions see it; false if its type is none
// of the reader's. A registry that does not answer is waited for.
func (b *batch) decode(ctx context.Context, seen *decodedBy, reader *schemas.Reader, record *kgo.Record) (*topology.Record, bool, error) {
	if i := slices.Index(seen.readers, reader); i >= 0 {
		return seen.records[i], seen.records[i] != nil, nil
	}
	raw := rawOf(record)
	decoded, known, err := b.decodeWaiting(ctx, reader, raw)
	if err != nil {
		return nil, false, err
	}
	var out *topology.Record
	if known {
		out = &topology.Record{
			Ref:     refOf(record),
			Types:   decoded.Types,
			Headers: schemas.HeaderMap(raw.Headers),
			Payload: decoded.Payload,
		}
	}
	seen.readers = append(seen.readers, reader)
	seen.records = append(seen.records, out)
	return out, known, nil
}

func rawOf(record *kgo.Record) schemas.Raw {
	return schemas.Raw{Topic: record.Topic, Value: record.Value, Headers: headersOf(record)}
}

func (b *batch) decodeWaiting(ctx context.Context, reader *schemas.Reader, raw schemas.Raw) (schemas.Decoded, bool, error) {
	type result struct {
		decoded schemas.Decoded
		known   bool
		fatal   error
	}
	r, err := waitFor(ctx, b.tenure.lane, "the schema registry", func() (result, error) {
		if types, sure := reader.Types(raw); sure && !reader.Knows(types, raw) {
			return result{}, nil
		}
		decoded, err := reader.Decode(ctx, raw)
		if errors.Is(err, schemas.ErrRegistryUnavailable) {
			return result{}, err
		}
		return result{decoded: decoded, known: err == nil, fatal: err}, nil
	})
	if err != nil {
		return schemas.Decoded{}, false, err
	}
	return r.decoded, r.known, r.fatal
}

// decideEvent lets one instance consider a record.
func (b *batch) decideEvent(ctx context.Context, m matched, key string, record *kgo.Record) error {
	newest, ok := b.tenure.lane.shared.catalog.Newest(m.workflow)
	if !ok {
		return nil // withdrawn since the routes were read
	}
	storeKey := instanceKey(m.workflow, key)
	if err := b.continueOwed(ctx, storeKey); err != nil {
		return err
	}
	instance, err := b.instance(storeKey)
	if err != nil {
		return err
	}
	if instance != nil && !instance.Ended() {
		if _, err := b.planOf(ctx, instance); err != nil {
			return err
		}
	}
	version, ok := m.choose(instance, key, newest)
	if !ok {
		b.tally.skipped[record.Topic]++
		return nil
	}
	event, dead := version.plan.Event(version.match, version.record)
	if dead != nil {
		return b.bury(ctx, record, deadLetter{*dead, m.workflow, key})
	}
	in := topology.Input{At: b.tenure.now(), Event: event}
	return b.decide(ctx, version.plan, key, instance, in, record)
}

func (b *batch) decide(ctx context.Context, plan *topology.Plan, key string, instance *topology.Instance, in topology.Input, source *kgo.Record) error {
	return b.stage(ctx, decisionOf{
		plan: plan, key: key, input: in, source: source,
		decision: plan.Decide(instance, key, in),
	})
}

// consumeInbox decides what another lane has sent on.
func (b *batch) consumeInbox(ctx context.Context, record *kgo.Record) error {
	message, err := schemas.DecodeInbox(record.Value)
	if err != nil {
		if errors.As(err, new(*schemas.UnknownFormatError)) {
			return err
		}
		return b.bury(ctx, record, deadLetter{DeadLetter: topology.DeadLetter{Reason: deadInbox, Text: err.Error()}})
	}
	switch message.Kind {
	case schemas.InboxEvent:
		return b.consumeForwarded(ctx, message)
	case schemas.InboxAct:
		return b.consumeAct(ctx, message, record)
	default:
		return b.bury(ctx, record, deadLetter{
			topology.DeadLetter{Reason: deadInbox, Text: fmt.Sprintf("an inbox record of kind %q is not known to this version", message.Kind)},
			message.Workflow, message.Key,
		})
	}
}

// consumeForwarded decides a record that another lane has read from its source
// for an instance of this partition.
func (b *batch) consumeForwarded(ctx context.Context, message schemas.Inbox) error {
	record := recordOf(message)
	b.tenure.feeders[record.Topic] = true
	routes := b.tenure.lane.shared.catalog.Routes(record.Topic)
	routes = slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return r.Workflow != message.Workflow })
	matches, err := b.match(ctx, record, routes)
	if err != nil {
		return b.unusable(ctx, record, err)
	}
	for _, m := range matches {
		if m.dead != nil {
			return b.bury(ctx, record, deadLetter{*m.dead, m.workflow, message.Key})
		}
		if slices.Contains(m.keys, message.Key) {
			return b.decideEvent(ctx, m, message.Key, record)
		}
	}
	return b.unmatched(ctx, record)
}

// recordOf gives a record back that was sent on, as its source had it.
func recordOf(message schemas.Inbox) *kgo.Record {
	record := &kgo.Record{
		Topic: message.Source.Topic, Partition: message.Source.Partition, Offset: message.Source.Offset,
		Timestamp: message.Source.Time.Time(), Key: message.Source.Key, Value: message.Value,
	}
	for _, h := range message.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return record
}

// consumeAct carries out an operator's act on one instance.
func (b *batch) consumeAct(ctx context.Context, message schemas.Inbox, record *kgo.Record) error {
	storeKey := instanceKey(message.Workflow, message.Key)
	instance, err := b.instance(storeKey)
	if err != nil {
		return err
	}
	if instance == nil {
		return b.bury(ctx, record, deadLetter{
			topology.DeadLetter{Reason: "no-instance", Text: fmt.Sprintf("there is no instance %s to %s", storeKey, message.Act.Kind)},
			message.Workflow, message.Key,
		})
	}
	plan, err := b.planOf(ctx, instance)
	if err != nil {
		return err
	}
	in := topology.Input{At: b.tenure.now(), Act: message.Act}
	return b.decide(ctx, plan, message.Key, instance, in, record)
}

// fire decides the timers of one instance that are due.
func (b *batch) fire(ctx context.Context, storeKey string, until topology.Instant) error {
	for !b.full() {
		instance, err := b.instance(storeKey)
		if err != nil || instance == nil {
			return err // nil: ended and forgotten within this batch
		}
		due, ok := instance.NextTimer()
		if !ok || due > until {
			return nil
		}
		if err := b.fireOne(ctx, instance, due); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) fireOne(ctx context.Context, instance *topology.Instance, due topology.Instant) error {
	plan, err := b.planOf(ctx, instance)
	if err != nil {
		return err
	}
	in := topology.Input{At: b.tenure.now(), Timer: !instance.Owes()}
	d := decisionOf{plan: plan, key: instance.Key, input: in, decision: plan.Decide(instance, instance.Key, in)}
	if !d.decision.Changed {
		return fmt.Errorf("a timer of %s that was due at %s changed nothing, and would fire for ever",
			instanceKey(instance.Workflow, instance.Key), due.Time().Format(time.RFC3339Nano))
	}
	b.inputs++
	if in.Timer {
		b.tally.fired++
		b.tally.lateness = append(b.tally.lateness, in.At.Time().Sub(due.Time()))
	}
	return b.stage(ctx, d)
}

// continueOwed lets an instance finish what its last decision had no room for,
// before it considers its next input. What it still owes when the batch is
// full is due at once, as a timer is.
func (b *batch) continueOwed(ctx context.Context, storeKey string) error {
	for {
		instance, err := b.instance(storeKey)
		if err != nil || instance == nil || !instance.Owes() {
			return err
		}
		if err := b.fireOne(ctx, instance, instance.At); err != nil {
			return err
		}
	}
}

// planOf returns the plan of an instance's version. One that this node does
// not know (yet) is waited for, loudly.
func (b *batch) planOf(ctx context.Context, instance *topology.Instance) (*topology.Plan, error) {
	what := fmt.Sprintf("definition %s version %d", instance.Workflow, instance.Version)
	return waitFor(ctx, b.tenure.lane, what, func() (*topology.Plan, error) {
		plan, ok := b.tenure.lane.shared.catalog.Plan(instance.Workflow, instance.Version)
		if !ok {
			return nil, errors.New("is not deployed, or this node cannot compile it")
		}
		return plan, nil
	})
}

// waitFor asks until there is an answer. The lane stands still meanwhile, and
// says so: nothing may be decided without it, and nothing is lost.
func waitFor[T any](ctx context.Context, l *lane, what string, ask func() (T, error)) (T, error) {
	for failures := 0; ; failures++ {
		answer, err := ask()
		if err == nil {
			return answer, nil
		}
		if l.stopped() || ctx.Err() != nil {
			return answer, fmt.Errorf("stopped while waiting for %s: %w", what, err)
		}
		if failures%10 == 0 {
			l.log.Warn("the partition waits", "for", what, "reason", err.Error())
		}
		l.live()
		l.rest(ctx, retryDelay(failures))
	}
}
