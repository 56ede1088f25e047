package services

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/observer"
)

// Config is what the services are told.
type Config struct {
	Brokers []string
	Schemas fs.FS        // holds the Avro schemas of the payment topics, *.avsc
	Seed    uint64       // of all chance
	Group   string       // begins the names of the services' consumer groups
	Journal Journal      // hears of every event that was written; nil: nobody
	Log     *slog.Logger // for records that a service cannot use; nil: nobody hears
}

// service carries the commands of one topic out. What it does for each of them
// is in inventory.go, payment.go and shipping.go.
type service struct {
	name     string
	commands string // topic read
	events   string // topic written
	habits   habits

	// read finds out what a record asks for; ok is false for a type that the
	// service does not know.
	read func(*kgo.Record) (c command, ok bool, err error)
	// decide says what is done for a command the first time, and under which id.
	decide func(d dice, c command) (did ledger.Deed, id string)
	// undone is what an undoing command is entered as.
	undone ledger.Deed
	// answer is the value and the header `type` ("" for none) of the reply.
	answer func(c command, p *page) (value []byte, kind string, err error)
	// mustEcho reports whether the reply carries the command's id in any case.
	mustEcho func(p *page) bool

	dice   dice
	book   *memory[page]
	made   *memory[string] // command id by the id of the reservation, payment or label
	outbox *outbox
	log    *slog.Logger
}

// command is what a record asks of a service.
type command struct {
	id      string // rondo-command-id; else the record's coordinates
	order   string
	subject string // names the command apart from its run; chance hangs on it
	undo    bool
	// undoes is the id of the command to undo, and undoesID the id of what was
	// done; either may be "".
	undoes, undoesID string
	payload          any // as read, for answer
}

// page is what a service knows of a command.
type page struct {
	deliveries int
	did        ledger.Deed // "" while nothing was done
	id         string
	undone     bool
}

// remembered bounds the commands that a service recognises.
const remembered = 200_000

// Trio is inventory, payment and shipping.
type Trio struct {
	services []*runner
}

// runner is a service with its client.
type runner struct {
	*service
	client   *kgo.Client
	progress *progress
	ctx      context.Context // ended by fail
	fail     context.CancelCauseFunc
}

// New opens the three services. They do nothing until Run.
func New(cfg Config) (*Trio, error) {
	payment, err := newPayment(cfg.Schemas)
	if err != nil {
		return nil, err
	}
	trio := &Trio{}
	for _, s := range []*service{newInventory(), payment, newShipping()} {
		r, err := open(cfg, s)
		if err != nil {
			trio.Close()
			return nil, err
		}
		trio.services = append(trio.services, r)
	}
	return trio, nil
}

func open(cfg Config, s *service) (*runner, error) {
	s.dice = dice{cfg.Seed}
	s.book = newMemory[page](remembered)
	s.made = newMemory[string](remembered)
	s.log = cfg.logger().With("service", s.name)
	r := &runner{service: s}
	r.ctx, r.fail = context.WithCancelCause(context.Background())
	client, progress, err := dial(cfg, s.name, s.commands)
	if err != nil {
		return nil, err
	}
	r.client, r.progress = client, progress
	s.outbox = newOutbox(client, cfg.Journal, r.fail)
	return r, nil
}

func (cfg Config) logger() *slog.Logger {
	if cfg.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return cfg.Log
}

// dial opens the client of one service, member of a group of its own.
func dial(cfg Config, name, topic string) (*kgo.Client, *progress, error) {
	p := newProgress()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID("demo-"+name),
		kgo.ConsumerGroup(cfg.Group+"-"+name),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(250*time.Millisecond),
		kgo.OnPartitionsRevoked(func(ctx context.Context, cl *kgo.Client, partitions map[string][]int32) {
			// Best effort: what is not committed is done again by the next owner.
			_ = cl.CommitMarkedOffsets(ctx)
			p.forget(partitions)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			p.forget(partitions)
		}),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(time.Minute),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("open the client of %s: %w", name, err)
	}
	p.mark = func(r *kgo.Record) { client.MarkCommitRecords(r) }
	return client, p, nil
}

// Readings are the consumer groups of the services and the shop, whose names
// begin with group, and what they read.
func Readings(group string) []observer.Reading {
	return []observer.Reading{
		{Group: group + "-inventory", Topics: []string{"inventory.commands"}},
		{Group: group + "-payment", Topics: []string{"payment.commands"}},
		{Group: group + "-shipping", Topics: []string{"shipping.commands"}},
		{Group: group + "-shop", Topics: []string{"payment.events"}},
	}
}

// Run runs the services until ctx ends. Then they take no more commands, send
// at once what they had meant to send later, commit, and Run returns nil; or
// it returns what stopped one of them, and with it the others.
func (t *Trio) Run(ctx context.Context) error {
	errs := make(chan error, len(t.services))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, r := range t.services {
		go func() {
			err := r.run(ctx)
			if err != nil {
				stop()
			}
			errs <- err
		}()
	}
	var all []error
	for range t.services {
		all = append(all, <-errs)
	}
	t.Close()
	return errors.Join(all...)
}

// Close closes the clients of services that were never run.
func (t *Trio) Close() {
	for _, r := range t.services {
		r.client.Close()
	}
}

// Hurry sends every answer that waits for its time now, and all later ones at
// once: for the end of a run, when nobody shall wait for late replies.
func (t *Trio) Hurry() {
	for _, r := range t.services {
		r.outbox.flush()
	}
}

func (r *runner) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.fail(nil) })
	defer stop()
	for r.ctx.Err() == nil {
		fetches := r.client.PollRecords(r.ctx, 500)
		fetches.EachError(func(topic string, partition int32, err error) {
			if r.ctx.Err() == nil {
				r.log.Warn("fetch failed", "topic", topic, "partition", partition, "error", err)
			}
		})
		fetches.EachRecord(r.take)
	}
	return r.finish()
}

// finish sends what waits, commits, and tells why the service stopped.
func (r *runner) finish() error {
	r.outbox.flush()
	r.outbox.wait()
	commit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.client.CommitMarkedOffsets(commit)
	if err != nil {
		err = fmt.Errorf("commit the offsets of %s: %w", r.name, err)
	}
	if cause := context.Cause(r.ctx); !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("service %s: %w", r.name, cause)
	}
	return err
}

// take carries one record out.
func (r *runner) take(rec *kgo.Record) {
	task := r.progress.begin(rec)
	defer task.done()
	c, ok, err := r.read(rec)
	if err != nil {
		r.log.Warn("cannot read command", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
		return
	}
	if !ok {
		return
	}
	c.id = commandID(rec)
	if c.undo {
		r.enter(task, c, r.undo(c))
		return
	}
	r.do(task, c)
}

func commandID(rec *kgo.Record) string {
	for _, h := range rec.Headers {
		if h.Key == "rondo-command-id" {
			return string(h.Value)
		}
	}
	return fmt.Sprintf("%s/%d/%d", rec.Topic, rec.Partition, rec.Offset)
}

// do does a command once and answers each delivery in its manner.
func (r *runner) do(task *task, c command) {
	p := r.book.of(c.id)
	p.deliveries++
	m := r.habits.manner(r.dice, c.subject, p.deliveries)
	if m.lost || p.undone && p.did == "" {
		return
	}
	if p.did == "" {
		p.did, p.id = r.decide(r.dice, c)
		if p.id != "" {
			*r.made.of(p.id) = c.id
		}
		r.enter(task, c, ledger.Entry{Did: p.did, ID: p.id})
	}
	if m.mute {
		return
	}
	r.reply(task, c, p, m)
}

// undo undoes a command once; of one that was never done it notes that it must
// not be done any more.
func (r *runner) undo(c command) ledger.Entry {
	undoes := c.undoes
	if undoes == "" && c.undoesID != "" {
		undoes = *r.made.of(c.undoesID)
	}
	if undoes == "" {
		return ledger.Entry{Did: r.undone, ID: c.undoesID, Nothing: true}
	}
	p := r.book.of(undoes)
	nothing := p.undone || p.did == "" || p.did == ledger.Refused || p.did == ledger.Declined
	p.undone = true
	return ledger.Entry{Did: r.undone, ID: p.id, Undoes: undoes, Nothing: nothing}
}

// enter writes a deed into the ledger.
func (r *runner) enter(task *task, c command, e ledger.Entry) {
	e.Service, e.Order, e.Command = r.name, c.order, c.id
	value, err := e.Marshal()
	if err != nil {
		r.fail(err)
		return
	}
	task.add()
	r.outbox.send(&kgo.Record{Topic: ledger.Topic, Key: []byte(c.order), Value: value}, 0, task.done)
}

// reply sends the answer, once or twice.
func (r *runner) reply(task *task, c command, p *page, m manner) {
	value, kind, err := r.answer(c, p)
	if err != nil {
		r.fail(fmt.Errorf("answer command %s of order %s: %w", c.id, c.order, err))
		return
	}
	var headers []kgo.RecordHeader
	if kind != "" {
		headers = append(headers, kgo.RecordHeader{Key: "type", Value: []byte(kind)})
	}
	if m.echo || r.mustEcho != nil && r.mustEcho(p) {
		headers = append(headers, kgo.RecordHeader{Key: "rondo-command-id", Value: []byte(c.id)})
	}
	for _, after := range m.times() {
		task.add()
		r.outbox.send(&kgo.Record{Topic: r.events, Key: []byte(c.order), Value: value, Headers: headers}, after, task.done)
	}
}

// times are when the answer is sent.
func (m manner) times() []time.Duration {
	if m.again == 0 {
		return []time.Duration{m.after}
	}
	return []time.Duration{m.after, m.again}
}
