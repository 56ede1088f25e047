package processor

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/value"
)

// Headers of commands, as services see them.
const (
	headerType        = "type"
	headerCommandID   = "rondo-command-id"
	headerAttempt     = "rondo-attempt"
	headerWorkflow    = "rondo-workflow"
	headerKey         = "rondo-key"
	headerStep        = "rondo-step"
	headerCompensates = "rondo-compensates"
	headerCause       = "rondo-cause"
)

// Headers of dead letters: the shape of Kafka Streams' (KIP-1034), under a
// prefix of our own, and what was being decided.
const (
	headerDeadReason    = "__rondo.errors.exception"
	headerDeadText      = "__rondo.errors.message"
	headerDeadTopic     = "__rondo.errors.topic"
	headerDeadPartition = "__rondo.errors.partition"
	headerDeadOffset    = "__rondo.errors.offset"
	headerDeadWorkflow  = "__rondo.errors.workflow"
	headerDeadInstance  = "__rondo.errors.instance"
	headerDeadOmitted   = "__rondo.errors.payload-omitted"
	headerDeadForm      = "__rondo.errors.payload-form"
)

// decisionOf is a decision with what it was made on.
type decisionOf struct {
	plan     *topology.Plan
	to       topology.Address
	before   *topology.Instance // what was decided on; nil: there was none
	input    topology.Input
	source   *kgo.Record // the record that was decided; nil for a timer
	decision topology.Decision
}

// about is where the event stands that was decided on: what came, what a mailbox
// has handed on, or what the instance had kept until now; where a letter or an act
// stands; false for a timer.
func (d *decisionOf) about() (ref topology.RecordRef, ok bool) {
	switch {
	case d.decision.Event != nil:
		return d.decision.Event.Record, true
	case d.relayed() != nil:
		return d.relayed().Record, true
	case d.source != nil:
		return refOf(d.source), true
	}
	return topology.RecordRef{}, false
}

// relayed is the event that a mailbox has handed on; nil if the input is none.
func (d *decisionOf) relayed() *topology.Event {
	if d.input.Letter == nil {
		return nil
	}
	return d.input.Letter.Event
}

// message is the name of the event that was decided on: one that came, that a mailbox
// has handed on, or that the instance had kept; "" for a timer, an act and all other
// letters.
func (d *decisionOf) message() string {
	event := d.input.Event
	switch {
	case d.input.Act != nil:
		return ""
	case d.decision.Event != nil:
		event = d.decision.Event
	case d.relayed() != nil:
		event = d.relayed()
	}
	if event == nil {
		return ""
	}
	return event.Message
}

// send stages a command.
func (b *batch) send(ctx context.Context, d *decisionOf, c *topology.Command) error {
	facts, err := b.topic(ctx, c.Topic)
	if err != nil {
		return err
	}
	record := b.newRecord()
	record.Topic, record.Value = c.Topic, c.Value
	record.Key, record.Headers = commandHeaders(d, c)
	record.Partition = PartitionOf(record.Key, facts.partitions)
	b.add(record, facts.maxMessageBytes)
	return nil
}

// commandHeaders are the key and the headers of a command. They are put together in
// one piece of memory: there are a lot of commands, and each has many.
func commandHeaders(d *decisionOf, c *topology.Command) (key []byte, list []kgo.RecordHeader) {
	h := headers{list: make([]kgo.RecordHeader, 0, 8+c.Headers.Len()), text: make([]byte, 0, len(c.Key)+commandHeaderBytes)}
	h.text = append(h.text, c.Key...)
	h.done = len(h.text)
	key = h.text[:h.done:h.done]
	h.add(headerType, c.Type)
	h.add(headerCommandID, c.ID)
	h.text = strconv.AppendInt(h.text, int64(c.Attempt), 10)
	h.cut(headerAttempt)
	h.add(headerWorkflow, d.plan.Definition().Name)
	h.add(headerKey, d.to.Key)
	h.add(headerStep, c.Step)
	if c.Compensates != "" {
		h.add(headerCompensates, c.Compensates)
	}
	if ref, ok := d.about(); ok {
		h.text = appendCoordinates(h.text, ref.Topic, ref.Partition, ref.Offset)
		h.cut(headerCause)
	}
	for i := range c.Headers.Len() {
		name, value := c.Headers.At(i)
		h.text = fmt.Append(h.text, value)
		h.cut(name)
	}
	return key, h.list
}

// commandHeaderBytes is room for the values of the headers that a usual command has.
const commandHeaderBytes = 224

// headers collects headers whose values lie one behind the other.
type headers struct {
	list []kgo.RecordHeader
	text []byte // what follows done is the value of the next header
	done int
}

func (h *headers) add(name, value string) {
	h.text = append(h.text, value...)
	h.cut(name)
}

// cut ends a header's value. What was cut before stays where it is when the text
// outgrows its memory.
func (h *headers) cut(name string) {
	end := len(h.text)
	h.list = append(h.list, kgo.RecordHeader{Key: name, Value: h.text[h.done:end:end]})
	h.done = end
}

func appendCoordinates(to []byte, topic string, partition int32, offset int64) []byte {
	to = append(append(to, topic...), '/')
	to = append(strconv.AppendInt(to, int64(partition), 10), '/')
	return strconv.AppendInt(to, offset, 10)
}

func coordinates(r *kgo.Record) string {
	return fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
}

// forward sends a record on to the partition where one of its instances or
// mailboxes lives, as it is, in the transaction that commits its offset.
func (b *batch) forward(ctx context.Context, to topology.Address, record *kgo.Record) error {
	ref := refOf(record)
	err := b.tell(ctx, to, schemas.Inbox{
		Kind: schemas.InboxEvent, Workflow: to.Workflow, Desk: to.Desk, Key: to.Key,
		Source: &ref, Value: record.Value, Headers: headersOf(record),
	})
	if err != nil {
		return fmt.Errorf("forward %s: %w", coordinates(record), err)
	}
	b.tally.forwarded++
	return nil
}

// tell puts a record into the inbox of the partition where an address is at
// home, in the transaction of this batch.
func (b *batch) tell(ctx context.Context, to topology.Address, message schemas.Inbox) error {
	facts, err := b.topic(ctx, b.tenure.lane.shared.topics.Inbox)
	if err != nil {
		return err
	}
	value, err := message.Encode()
	if err != nil {
		return err
	}
	b.add(&kgo.Record{
		Topic:     b.tenure.lane.shared.topics.Inbox,
		Partition: b.home(to),
		Key:       []byte(to.Key),
		Value:     value,
	}, facts.maxMessageBytes)
	return nil
}

func refOf(r *kgo.Record) topology.RecordRef {
	return topology.RecordRef{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Time: topology.InstantOf(r.Timestamp), Key: r.Key,
	}
}

func headersOf(r *kgo.Record) []schemas.Header {
	if len(r.Headers) == 0 {
		return nil
	}
	headers := make([]schemas.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = schemas.Header{Key: h.Key, Value: h.Value}
	}
	return headers
}

// headersOf is headersOf of a record, mostly the one that was decoded.
func (d *decodedBy) headersOf(r *kgo.Record) []schemas.Header {
	if d.source == r {
		return d.raw.Headers
	}
	return headersOf(r)
}

// deadLetter is why a record could not be used, and by whom.
type deadLetter struct {
	topology.DeadLetter
	workflow, instance string
}

// buryDecided stages the dead letter that a decision asks for.
func (b *batch) buryDecided(ctx context.Context, d *decisionOf) error {
	source, kept := d.source, d.decision.Event
	if kept == nil {
		kept = d.relayed()
	}
	if kept != nil {
		var err error
		if source, err = keptRecord(kept); err != nil {
			return err
		}
	}
	if source == nil { // a timer, or a letter that had been kept: there is no record, only whom it is about
		source = &kgo.Record{Key: []byte(d.to.Key)}
	}
	return b.bury(ctx, source, deadLetter{*d.decision.DeadLetter, d.plan.Definition().Name, d.to.Key})
}

// keptRecord gives an event back that its instance had kept, or that a mailbox
// has handed on. Its bytes are where its coordinates say; here it has its payload
// as JSON.
func keptRecord(e *topology.Event) (*kgo.Record, error) {
	record := &kgo.Record{
		Topic: e.Record.Topic, Partition: e.Record.Partition, Offset: e.Record.Offset,
		Timestamp: e.Record.Time.Time(), Key: e.Record.Key,
		Headers: []kgo.RecordHeader{{Key: headerDeadForm, Value: []byte("JSON: the event had been kept; the record is where the coordinates say")}},
	}
	if e.Payload == nil {
		return record, nil
	}
	var err error
	if record.Value, err = value.ToJSON(e.Payload); err != nil {
		return nil, fmt.Errorf("dead letter of %s: %w", coordinates(record), err)
	}
	return record, nil
}

// bury stages a dead letter: the record as it was, and why. A record without a
// topic is none, and stands nowhere.
func (b *batch) bury(ctx context.Context, source *kgo.Record, why deadLetter) error {
	facts, err := b.topic(ctx, b.tenure.lane.shared.topics.DeadLetters)
	if err != nil {
		return err
	}
	record := &kgo.Record{
		Topic: b.tenure.lane.shared.topics.DeadLetters, Partition: PartitionOf(source.Key, facts.partitions),
		Key: source.Key, Value: source.Value, Headers: append([]kgo.RecordHeader(nil), source.Headers...),
	}
	header := func(name, value string) {
		if value != "" {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
	}
	header(headerDeadReason, why.Reason)
	header(headerDeadText, cut(why.Text, deadTextMax))
	from := ""
	if source.Topic != "" {
		from = coordinates(source)
		header(headerDeadTopic, source.Topic)
		header(headerDeadPartition, strconv.Itoa(int(source.Partition)))
		header(headerDeadOffset, strconv.FormatInt(source.Offset, 10))
	}
	header(headerDeadWorkflow, why.workflow)
	header(headerDeadInstance, why.instance)
	if recordBytes(record) > facts.maxMessageBytes*9/10 {
		ours := record.Headers[len(source.Headers):]
		record.Key, record.Value, record.Headers = nil, nil, ours
		header(headerDeadOmitted, "the record is larger than this topic takes; it is where the coordinates say")
	}
	b.tally.dead[why.Reason]++
	b.tenure.lane.log.Warn("dead letter", "record", from, "instance", why.instance, "to", record.Topic, "reason", why.Reason, "text", why.Text)
	b.add(record, facts.maxMessageBytes)
	return nil
}

// deadTextMax bounds what a dead letter says, in bytes: it may quote what came.
const deadTextMax = 16 << 10

// cut shortens a text to at most so many bytes, between two characters, and says so.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	end := bytes - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// record stages the history of a decision. state is the digest of what was
// stored, nil if nothing was.
func (b *batch) record(ctx context.Context, d *decisionOf, state *[sha256.Size]byte) error {
	facts, err := b.topic(ctx, b.tenure.lane.shared.topics.History)
	if err != nil {
		return err
	}
	definition := d.plan.Definition()
	entry := schemas.History{
		At:         d.input.At,
		Workflow:   definition.Name,
		Desk:       d.to.Desk,
		Key:        d.to.Key,
		Version:    int32(definition.Version),
		Definition: d.plan.Digest(),
		Semantics:  topology.Semantics,
		Input:      b.historyInput(d),
		Message:    d.message(),
		Outcome:    d.decision.Outcome,
		Taker:      d.decision.Taker,
		Trace:      d.decision.Trace,
		Fault:      d.decision.Fault,
		DeadLetter: d.decision.DeadLetter,
		State:      state,
	}
	if n := len(d.decision.Commands); n > 0 {
		entry.Commands = make([]schemas.HistoryCommand, n)
	}
	for i := range d.decision.Commands {
		entry.Commands[i] = historyCommand(&d.decision.Commands[i])
	}
	for _, l := range d.decision.Letters {
		entry.Letters = append(entry.Letters, schemas.HistoryLetter{Kind: l.Kind, To: l.To, Command: l.Command})
	}
	entry.Lookups = b.historyLookups(d.decision.Lookups)
	if next := d.decision.Instance; next != nil {
		entry.Run, entry.Status = next.Run, next.Status
		entry.NextTimer, _ = next.NextTimer()
	}
	value, err := encodeHistory(entry, facts.maxMessageBytes*9/10)
	if err != nil {
		return fmt.Errorf("history of %s: %w", d.to, err)
	}
	record := b.newRecord()
	record.Topic, record.Partition = b.tenure.lane.shared.topics.History, b.tenure.lane.partition
	record.Key, record.Value = []byte(d.to.String()), value
	b.add(record, facts.maxMessageBytes)
	return nil
}

func historyCommand(c *topology.Command) schemas.HistoryCommand {
	out := schemas.HistoryCommand{
		ID: c.ID, Attempt: int32(c.Attempt), Message: c.Message, Topic: c.Topic, Key: c.Key,
		Step: c.Step, Compensates: c.Compensates,
	}
	if c.Value != nil {
		digest := sha256.Sum256(c.Value)
		out.Value = &digest
	}
	return out
}

// historyInput describes what was decided on: always where it is, and its
// payload up to the configured size. An act that has an event decided again is
// the act: that event has a decision of its own, when it came.
func (b *batch) historyInput(d *decisionOf) schemas.HistoryInput {
	in := schemas.HistoryInput{Kind: schemas.InputTimer, Act: d.input.Act}
	if d.input.Letter != nil {
		return b.historyLetter(d)
	}
	if kept := d.decision.Event; kept != nil && d.input.Act == nil {
		in.Kind, in.Record = schemas.InputEvent, &kept.Record
		in.PayloadOmitted = schemas.PayloadKept
		return in
	}
	if d.source == nil {
		if !d.input.Timer {
			in.Kind = schemas.InputContinue
		}
		return in
	}
	ref := refOf(d.source)
	in.Record = &ref
	if d.input.Act != nil {
		in.Kind = schemas.InputAct
		return in
	}
	in.Kind = schemas.InputEvent
	if in.PayloadOmitted = b.omitted(len(d.source.Value)); in.PayloadOmitted == "" {
		in.Payload, in.Headers = d.source.Value, b.seen.headersOf(d.source)
	}
	return in
}

// historyLetter describes a letter that was decided on: always who told what
// about which call, and the values up to the configured size. They are also where
// the letter stands, in the inbox.
func (b *batch) historyLetter(d *decisionOf) schemas.HistoryInput {
	ref := refOf(d.source)
	in := schemas.HistoryInput{Kind: schemas.InputLetter, Record: &ref, Letter: d.input.Letter}
	if in.PayloadOmitted = b.omitted(len(d.source.Value)); in.PayloadOmitted == "" {
		return in
	}
	in.Letter = withoutValues(in.Letter)
	return in
}

// historyLookups describes the rows that a decision has seen, all together up to
// the configured size.
func (b *batch) historyLookups(lookups []topology.Lookup) []schemas.HistoryLookup {
	var out []schemas.HistoryLookup
	bytes := 0
	for _, l := range lookups {
		row := schemas.HistoryLookup{Table: l.Table, Key: l.Key, Found: l.Found}
		bytes += value.Size(l.Row)
		if row.RowOmitted = b.omitted(bytes); row.RowOmitted == "" {
			row.Row = l.Row
		}
		out = append(out, row)
	}
	return out
}

// omitted says why a payload of so many bytes is not in the history; "" if it is.
func (b *batch) omitted(bytes int) string {
	switch limit := b.tenure.lane.shared.config.HistoryPayload; {
	case limit < 0:
		return "the configuration keeps no payloads"
	case bytes > limit:
		return fmt.Sprintf("larger than %d bytes", limit)
	}
	return ""
}

// topic returns the facts of a topic. A command's topic that does not exist
// yet (its definition was deployed before it) is waited for, loudly.
func (b *batch) topic(ctx context.Context, name string) (topicFacts, error) {
	return waitFor(ctx, b.tenure, func() string { return "topic " + name }, func() (topicFacts, error) {
		return b.tenure.lane.shared.cluster.topic(ctx, name)
	})
}

// home is the state partition of what is kept under an address.
func (b *batch) home(to topology.Address) int32 {
	return b.tenure.lane.shared.home(to)
}
