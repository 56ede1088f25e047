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
	"rondo/topology/value"
)

// consume decides one record of an input, or passes over it.
func (b *batch) consume(ctx context.Context, record *kgo.Record) error {
	t := b.tenure
	in := inputOf(record)
	if next, mine := t.next[in]; !mine || record.Offset < next {
		return fmt.Errorf("%s came, but %v is decided up to offset %d", coordinates(record), in, next)
	}
	b.share = nil
	if !record.Attrs.IsControl() {
		b.inputs++
		if err := b.dispatch(ctx, record); err != nil {
			// Not decided, not lost: whoever owns the partition next reads it again.
			return fmt.Errorf("decide %s: %w", coordinates(record), err)
		}
	}
	b.records = append(b.records, record)
	t.next[in] = record.Offset + 1
	b.whole = b.inputs
	return nil
}

func (b *batch) dispatch(ctx context.Context, record *kgo.Record) error {
	if refused := b.tenure.refused; refused.is(record) && !refused.letter {
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
	deadUnmatched = "unmatched"
	deadTooLarge  = "too-large"
	deadInbox     = "inbox"
)

// consumeSource decides a record for every workflow that has a message for it.
func (b *batch) consumeSource(ctx context.Context, record *kgo.Record) error {
	if err := b.awaitReaders(ctx, record.Topic); err != nil {
		return err
	}
	shared := b.tenure.lane.shared
	only, replayed := audienceOf(record)
	if replayed && only.Application != shared.config.App {
		b.tally.skipped[record.Topic]++
		return nil
	}
	matches, err := b.match(ctx, record, readers(shared.catalog.Routes(record.Topic), only.Workflow))
	if err != nil {
		return b.unusable(ctx, record, err)
	}
	if len(matches) == 0 {
		return b.unmatched(ctx, record)
	}
	for _, m := range matches {
		if m.dead != nil { // for this workflow; the others take the record all the same
			if err := b.bury(ctx, record, deadLetter{*m.dead, m.workflow, ""}); err != nil {
				return err
			}
			continue
		}
		for _, to := range m.to {
			if b.home(to) != b.tenure.lane.partition {
				if err := b.forward(ctx, to, record); err != nil {
					return err
				}
				continue
			}
			if err := b.decideEvent(ctx, m, to, record); err != nil {
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
	_, err := waitFor(ctx, b.tenure, func() string { return "a definition that reads " + topic }, func() (struct{}, error) {
		return struct{}{}, catalog.Blocked(topic)
	})
	return err
}

// unusable makes a dead letter of a record that cannot be decoded, or is too large.
func (b *batch) unusable(ctx context.Context, record *kgo.Record, err error) error {
	var undecodable *schemas.Undecodable
	if !errors.As(err, &undecodable) {
		return err
	}
	return b.bury(ctx, record, deadLetter{DeadLetter: topology.DeadLetter{
		Reason: undecodable.Code,
		Text:   undecodable.Text,
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
	shared := b.tenure.lane.shared
	shared.strangers.note(ctx, shared.config, record, shared.catalog.Routes(record.Topic))
	return nil
}

// matched is a record that one workflow has a message for: by its newest
// version, or by an older one that may have living instances.
type matched struct {
	workflow string
	to       []topology.Address // instances and mailboxes, of all versions, without repetition
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
	b.seen.begin(record)
	for _, route := range routes {
		payload, ok, err := b.decode(ctx, &b.seen, route.Reader)
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

// add notes what one version has for the record. The newest that has a message
// for it says whether it is dead: an older one, by which the key was somewhere
// else, must not keep it from those that can use it.
func (m *matched) add(v versionMatch) {
	if v.match.Dead != nil {
		if len(m.versions) == 0 {
			m.dead = v.match.Dead
		}
		return
	}
	m.versions = append(m.versions, v)
	for _, key := range v.match.Keys {
		if to := v.match.Address(m.workflow, key); !slices.Contains(m.to, to) {
			m.to = append(m.to, to)
		}
	}
}

// reaches reports whether the version has the record for an address.
func (v versionMatch) reaches(to topology.Address) bool {
	return slices.ContainsFunc(v.match.Keys, func(key string) bool { return v.match.Address(to.Workflow, key) == to })
}

// choose returns the version by which an instance, or a new one, considers the
// record; false if that version has no message for it. A new run begins with
// the newest version; a living instance keeps its own. A mailbox knows instances
// of all versions: it takes what any of them has for it, the newest first.
func (m *matched) choose(to topology.Address, instance *topology.Instance, newest *topology.Plan) (versionMatch, bool) {
	want := newest.Definition().Version
	if keepsVersion(instance) {
		want = instance.Version
	}
	for _, v := range m.versions {
		if to.Desk != "" && v.reaches(to) {
			return v, true
		}
		if to.Desk == "" && v.plan.Definition().Version == want {
			return v, v.reaches(to)
		}
	}
	return versionMatch{}, false
}

// keepsVersion reports whether what is kept is a run that goes on with the
// version that it began with. For all else the newest version decides: desks,
// what has ended, and events that wait for an instance to begin.
func keepsVersion(i *topology.Instance) bool {
	return i != nil && i.Desk == "" && !i.Ended() && i.Status != topology.StatusExpected
}

// decodedBy remembers the payload of one record by the reader that decoded it:
// definitions that describe a topic alike share a reader.
type decodedBy struct {
	source  *kgo.Record
	raw     schemas.Raw // of source
	readers []*schemas.Reader
	records []*topology.Record // nil: of a type that the reader does not know
}

// begin forgets what was decoded for another record.
func (d *decodedBy) begin(record *kgo.Record) {
	d.source, d.raw = record, rawOf(record)
	clear(d.records)
	d.readers, d.records = d.readers[:0], d.records[:0]
}

// decode returns the record that was begun with as expressions see it; false if its type is none
// of the reader's. A registry that does not answer is waited for.
func (b *batch) decode(ctx context.Context, seen *decodedBy, reader *schemas.Reader) (*topology.Record, bool, error) {
	if i := slices.Index(seen.readers, reader); i >= 0 {
		return seen.records[i], seen.records[i] != nil, nil
	}
	raw := seen.raw
	decoded, known, err := b.decodeWaiting(ctx, reader, raw)
	if err != nil {
		return nil, false, err
	}
	var out *topology.Record
	if known {
		out = &topology.Record{
			Ref:     refOf(seen.source),
			Types:   decoded.Types,
			Headers: schemas.HeaderMap(raw.Headers),
			Payload: decoded.Payload,
			Bytes:   raw.Bytes(),
		}
	}
	seen.readers = append(seen.readers, reader)
	seen.records = append(seen.records, out)
	return out, known, nil
}

func rawOf(record *kgo.Record) schemas.Raw {
	return schemas.Raw{Topic: record.Topic, Key: record.Key, Value: record.Value, Headers: headersOf(record)}
}

func (b *batch) decodeWaiting(ctx context.Context, reader *schemas.Reader, raw schemas.Raw) (schemas.Decoded, bool, error) {
	type result struct {
		decoded schemas.Decoded
		known   bool
		fatal   error
	}
	r, err := waitFor(ctx, b.tenure, func() string { return "the schema registry" }, func() (result, error) {
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

// decideEvent lets an instance or a mailbox consider a record.
func (b *batch) decideEvent(ctx context.Context, m matched, to topology.Address, record *kgo.Record) error {
	newest, err := b.newest(ctx, m.workflow)
	if err != nil || newest == nil {
		return err // nil: withdrawn since the routes were read
	}
	instance, err := b.rested(ctx, to)
	if err != nil {
		return err
	}
	if keepsVersion(instance) {
		if _, err := b.planOf(ctx, instance); err != nil {
			return err
		}
	}
	version, ok := m.choose(to, instance, newest)
	if !ok {
		b.tally.skipped[record.Topic]++
		return nil
	}
	event, dead := version.plan.Event(version.match, version.record)
	if dead != nil {
		return b.bury(ctx, record, deadLetter{*dead, m.workflow, to.Key})
	}
	plan := version.plan
	if to.Desk != "" {
		plan = newest
	}
	in := topology.Input{At: b.tenure.now(), Event: event}
	return b.decide(ctx, plan, to, instance, in, record)
}

// rested returns what is kept under an address, after it has finished what its
// last decision had no room for; nil if nothing is. What it still owes when the
// batch is full is due at once, as a timer is, and the input waits with the instance.
func (b *batch) rested(ctx context.Context, to topology.Address) (*topology.Instance, error) {
	storeKey := to.String()
	for {
		instance, err := b.instance(storeKey)
		if err != nil || instance == nil || !instance.Owes() || b.full() {
			return instance, err
		}
		if err := b.fireOne(ctx, instance, instance.At); err != nil {
			return nil, err
		}
	}
}

// newest is the plan by which new instances of a workflow begin; nil if the
// workflow is not deployed. A newest version that this node cannot use is waited
// for: to pass over the input would lose what it begins.
func (b *batch) newest(ctx context.Context, workflow string) (*topology.Plan, error) {
	catalog := b.tenure.lane.shared.catalog
	return waitFor(ctx, b.tenure, func() string { return "the newest version of definition " + workflow }, func() (*topology.Plan, error) {
		plan, _ := catalog.Newest(workflow)
		return plan, catalog.unusable(workflow)
	})
}

func (b *batch) decide(ctx context.Context, plan *topology.Plan, to topology.Address, instance *topology.Instance, in topology.Input, source *kgo.Record) error {
	decision, err := b.decideWithTables(ctx, plan, to, instance, in)
	if err != nil {
		return err
	}
	return b.stage(ctx, &decisionOf{plan: plan, to: to, before: instance, input: in, source: source, decision: decision})
}

// decideWithTables decides with the definition's tables at hand. While one of
// them was not read to its end the lane waits, loudly.
func (b *batch) decideWithTables(ctx context.Context, plan *topology.Plan, to topology.Address, instance *topology.Instance, in topology.Input) (topology.Decision, error) {
	tables := b.tenure.lane.shared.tables
	found, err := waitFor(ctx, b.tenure, func() string { return "the tables of " + plan.Definition().Name }, func() (*rows, error) { return tables.rowsFor(plan) })
	if err != nil {
		return topology.Decision{}, err
	}
	if found != nil {
		in.Tables = found
	}
	decision := plan.DecideAt(to, instance, in)
	return decision, found.failed()
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
	// Decided here, it would begin what nobody finds again.
	if to := message.Address(); b.home(to) != b.tenure.lane.partition {
		return b.bury(ctx, record, deadLetter{
			topology.DeadLetter{Reason: deadInbox, Text: fmt.Sprintf("what is for %s is in partition %d, but belongs in partition %d: whoever wrote it counts partitions in another way",
				to, b.tenure.lane.partition, b.home(to))},
			message.Workflow, message.Key,
		})
	}
	switch message.Kind {
	case schemas.InboxEvent:
		return b.consumeForwarded(ctx, message, record)
	case schemas.InboxAct:
		return b.consumeAct(ctx, message, record)
	case schemas.InboxLetter:
		return b.consumeLetter(ctx, *message.Letter, record)
	default:
		return b.bury(ctx, record, deadLetter{
			topology.DeadLetter{Reason: deadInbox, Text: fmt.Sprintf("an inbox record of kind %q is not known to this version", message.Kind)},
			message.Workflow, message.Key,
		})
	}
}

// consumeForwarded decides a record that another lane has read from its source
// for an instance or a mailbox of this partition.
func (b *batch) consumeForwarded(ctx context.Context, message schemas.Inbox, in *kgo.Record) error {
	record := recordOf(message)
	b.expectForwarded(record.Topic, message.Workflow)
	if err := b.awaitReaders(ctx, record.Topic); err != nil {
		return err
	}
	match, found, err := b.matchForwarded(ctx, message, record)
	if err == nil && !found {
		if err = b.syncDefinitions(ctx, in); err == nil {
			match, found, err = b.matchForwarded(ctx, message, record)
		}
	}
	switch {
	case err != nil:
		return b.unusable(ctx, record, err)
	case !found:
		return b.unmatched(ctx, record)
	case match.dead != nil:
		return b.bury(ctx, record, deadLetter{*match.dead, match.workflow, message.Key})
	}
	return b.decideEvent(ctx, match, message.Address(), record)
}

// expectForwarded notes from where records come through the inbox: who partitions
// one topic of a workflow in another way is taken to do so with all of them, for
// the first record that shows it may be the one that a timer must not overtake.
func (b *batch) expectForwarded(topic, workflow string) {
	b.tenure.feeders[topic] = true
	for _, other := range b.tenure.lane.shared.catalog.readsOf(workflow) {
		b.tenure.feeders[other] = true
	}
}

// matchForwarded finds what the workflow for which a record was sent on has for it.
func (b *batch) matchForwarded(ctx context.Context, message schemas.Inbox, record *kgo.Record) (matched, bool, error) {
	var routes []Route
	for _, route := range b.tenure.lane.shared.catalog.Routes(record.Topic) {
		if route.Workflow == message.Workflow {
			routes = append(routes, route)
		}
	}
	matches, err := b.match(ctx, record, routes)
	if err != nil || len(matches) == 0 {
		return matched{}, false, err
	}
	return matches[0], matches[0].dead != nil || slices.Contains(matches[0].to, message.Address()), nil
}

// syncDefinitions waits until this node knows all definitions that were deployed
// before an inbox record was written. Whoever wrote the record may have learned of
// one a moment earlier, and what this node would pass over is nowhere else.
func (b *batch) syncDefinitions(ctx context.Context, record *kgo.Record) error {
	t := b.tenure
	if record.Offset < t.synced {
		return nil
	}
	inbox := inputOf(record)
	_, err := waitFor(ctx, t, func() string { return "the definitions by which " + coordinates(record) + " was written" }, func() (struct{}, error) {
		ends, err := t.lane.shared.cluster.highWatermarks(ctx, []input{inbox})
		if err != nil {
			return struct{}{}, err
		}
		if err := t.lane.shared.knowsDeployed(ctx); err != nil {
			return struct{}{}, err
		}
		t.synced = ends[inbox]
		return struct{}{}, nil
	})
	return err
}

// knowsDeployed returns nil if this node knows all definitions that the topic
// holds by now. What is there and not committed counts: whoever deploys is told
// that it is done before the transaction's marker is written.
func (s *shared) knowsDeployed(ctx context.Context) error {
	topic := input{s.topics.Definitions, 0}
	ends, err := s.cluster.highWatermarks(ctx, []input{topic})
	if err != nil {
		return err
	}
	if reached := s.catalog.reached.Load(); reached < ends[topic] {
		return fmt.Errorf("%s ends at offset %d, and this node knows what stands before offset %d", topic.topic, ends[topic], reached)
	}
	return nil
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
	to := message.Address()
	instance, err := b.instance(to.String())
	if err != nil {
		return err
	}
	if instance == nil {
		return b.bury(ctx, record, deadLetter{
			topology.DeadLetter{Reason: "no-instance", Text: fmt.Sprintf("there is no instance %s to %s", to, message.Act.Kind)},
			message.Workflow, message.Key,
		})
	}
	plan, err := b.planOf(ctx, instance)
	if err != nil {
		return err
	}
	in := topology.Input{At: b.tenure.now(), Act: message.Act}
	if message.Act.Kind == topology.ActMigrate {
		target, dead, err := b.migrationTarget(ctx, message, record)
		if err != nil {
			return err
		}
		if dead != nil {
			return b.bury(ctx, record, deadLetter{*dead, message.Workflow, message.Key})
		}
		plan, in.Older = target, plan
	}
	return b.decide(ctx, plan, to, instance, in, record)
}

// migrationTarget is the plan of the version to which an operator wants an instance
// to move. The operator may know of a version that this node has not heard of. One
// that was deployed and cannot be used here is waited for; one that was not, was
// mistyped.
func (b *batch) migrationTarget(ctx context.Context, message schemas.Inbox, record *kgo.Record) (*topology.Plan, *topology.DeadLetter, error) {
	version, isWhole := message.Act.Data.(int64)
	if !isWhole {
		return nil, b.noVersion(message), nil
	}
	catalog := b.tenure.lane.shared.catalog
	if _, ok := catalog.Plan(message.Workflow, int(version)); !ok {
		if err := b.syncDefinitions(ctx, record); err != nil {
			return nil, nil, err
		}
	}
	what := func() string {
		return fmt.Sprintf("definition %s version %s", message.Workflow, VersionText(int(version)))
	}
	plan, err := waitFor(ctx, b.tenure, what, func() (*topology.Plan, error) {
		plan, _ := catalog.Plan(message.Workflow, int(version))
		return plan, catalog.unusableVersion(message.Workflow, int(version))
	})
	if err == nil && plan == nil {
		return nil, b.noVersion(message), nil
	}
	return plan, nil, err
}

func (b *batch) noVersion(message schemas.Inbox) *topology.DeadLetter {
	text := fmt.Sprintf("it is told %s, which is no version", value.Format(message.Act.Data))
	if version, isWhole := message.Act.Data.(int64); isWhole {
		text = NoVersion(message.Workflow, int(version), b.tenure.lane.shared.catalog.versions(message.Workflow))
	}
	return &topology.DeadLetter{Reason: "act-refused", Text: fmt.Sprintf("the instance %s cannot move: %s", message.Address(), text)}
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
		if set, err := b.setAside(storeKey, instance); set || err != nil {
			return err
		}
		if err := b.fireOne(ctx, instance, due); err != nil {
			return err
		}
		b.whole = b.inputs
	}
	return nil
}

func (b *batch) fireOne(ctx context.Context, instance *topology.Instance, due topology.Instant) error {
	plan, err := b.planOf(ctx, instance)
	if err != nil {
		return err
	}
	in := topology.Input{At: b.tenure.now(), Timer: !instance.Owes()}
	to := instance.Address()
	if b.fired = to; b.tenure.refused.isTimerOf(to) {
		in.Refused = b.tenure.refused.text
	}
	decision, err := b.decideWithTables(ctx, plan, to, instance, in)
	if err != nil {
		return err
	}
	d := decisionOf{plan: plan, to: to, before: instance, input: in, decision: decision}
	if !d.decision.Changed {
		return fmt.Errorf("a timer of %s that was due at %s changed nothing, and would fire for ever",
			to, due.Time().Format(time.RFC3339Nano))
	}
	b.inputs++
	if in.Timer {
		b.tally.fired++
		b.tally.lateness = append(b.tally.lateness, in.At.Time().Sub(due.Time()))
	}
	return b.stage(ctx, &d)
}

// planOf returns the plan of an instance. One that this node does not know (yet) is
// waited for, loudly: an input for it is nowhere else.
func (b *batch) planOf(ctx context.Context, instance *topology.Instance) (*topology.Plan, error) {
	what := func() string { return "definition " + definitionOf(instance) }
	return waitFor(ctx, b.tenure, what, func() (*topology.Plan, error) {
		plan, ok := b.knownPlan(instance)
		if !ok {
			return nil, errors.New("is not deployed, or this node cannot compile it")
		}
		return plan, nil
	})
}

// knownPlan is the plan of an instance's version; the newest for a desk, and if the
// next run of an instance that has ended is to begin.
func (b *batch) knownPlan(instance *topology.Instance) (*topology.Plan, bool) {
	catalog := b.tenure.lane.shared.catalog
	if goesByNewest(instance) {
		return catalog.Newest(instance.Workflow)
	}
	return catalog.Plan(instance.Workflow, instance.Version)
}

func goesByNewest(i *topology.Instance) bool { return i.Desk != "" || i.Ended() && i.Owes() }

// definitionOf says for people what an instance needs.
func definitionOf(i *topology.Instance) string {
	if goesByNewest(i) {
		return i.Workflow
	}
	return definitionName(i.Workflow, i.Version)
}

// waitFor asks until there is an answer. The lane stands still meanwhile, and
// says so: nothing may be decided without it, and nothing is lost. What is asked
// for is put into words only when they are said: mostly the answer is at hand.
//
// It returns errAgain if something is to be done before the waiting, and when it
// had to wait: the time and the definitions may be others now than those that the
// decision has begun with.
func waitFor[T any](ctx context.Context, t *tenure, what func() string, ask func() (T, error)) (T, error) {
	l := t.lane
	for failures := 0; ; failures++ {
		answer, err := ask()
		if err == nil {
			if failures > stillAfter {
				l.goesOn()
			}
			if failures > 0 {
				err = errAgain
			}
			return answer, err
		}
		if l.stopped() || ctx.Err() != nil {
			return answer, fmt.Errorf("stopped while waiting for %s: %w", what(), err)
		}
		if err := t.mayWait(ctx); err != nil {
			return answer, err
		}
		if failures%10 == 0 {
			l.log.Warn("the partition waits", "for", what(), "reason", err.Error())
		}
		if failures >= stillAfter {
			l.standsStill(fmt.Sprintf("waits for %s: %v", what(), err))
		}
		l.live()
		l.rest(ctx, retryDelay(failures))
	}
}
