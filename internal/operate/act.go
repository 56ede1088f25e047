package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Kinds of acts, as operators name them.
const (
	Cancel    = "cancel"
	Terminate = "terminate"
	Pause     = "pause"
	Resume    = "resume"
	Shift     = "shift" // resume, relative timers moved by the length of the stop
	Retry     = "retry"
	Skip      = "skip"
	Fail      = "fail"
	Set       = "set"
	Jump      = "jump"
	Migrate   = "migrate"
)

// Kinds are those that can be asked for by name; shift is a way to resume.
var Kinds = []string{Cancel, Terminate, Pause, Resume, Retry, Skip, Fail, Set, Jump, Migrate}

// CheckAct says what an act lacks, or has and cannot use; "" if it is complete.
func CheckAct(a topology.Act) string {
	isMap := func() bool { _, ok := a.Data.(*value.Map); return ok }
	_, isWhole := a.Data.(int64)
	switch {
	case a.Kind != Shift && !slices.Contains(Kinds, a.Kind):
		if meant, ok := diag.Suggest(a.Kind, Kinds); ok {
			return fmt.Sprintf("there is no act %s: did you mean %s?", a.Kind, meant)
		}
		return fmt.Sprintf("there is no act %s: they are %s", a.Kind, strings.Join(Kinds, ", "))
	case a.Kind == Set && !isMap():
		return "set needs the variables as --data, such as --data '{\"card\":\"c-2\"}'"
	case a.Kind == Jump && a.Step == "":
		return "jump needs the step to go to: --step NAME"
	case a.Kind == Migrate && !isWhole:
		return "migrate needs the version to go to: --to N"
	case a.Kind != Jump && a.Step != "":
		return fmt.Sprintf("%s is about the whole instance: leave --step out", a.Kind)
	case a.Data != nil && a.Kind != Set && a.Kind != Fail && a.Kind != Migrate:
		return fmt.Sprintf("%s takes no --data", a.Kind)
	}
	return ""
}

// Order is an act on one instance.
type Order struct {
	Workflow, Key string
	Act           topology.Act
}

// Address is the instance that the order is for.
func (o Order) Address() topology.Address {
	return topology.Address{Workflow: o.Workflow, Key: o.Key}
}

// Written is where an order stands.
type Written struct {
	Topic     string
	Partition int32
	Offset    int64
}

func (w Written) String() string { return fmt.Sprintf("%s/%d/%d", w.Topic, w.Partition, w.Offset) }

// Sender writes orders to the inbox.
type Sender struct {
	cfg    processor.Config
	client *kgo.Client
}

// NewSender opens an idempotent producer. The caller closes it.
func NewSender(cfg processor.Config) (*Sender, error) {
	client, err := cfg.NewClient(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(cfg.TransactionTimeout+cfg.SessionTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &Sender{cfg, client}, nil
}

// Close ends it.
func (s *Sender) Close() { s.client.Close() }

// Home is the partition to which orders for a key go.
func (s *Sender) Home(ctx context.Context, key string) (int32, error) {
	return audit.Home(ctx, s.cfg, s.client, key)
}

// Send writes orders, in their order, each to the partition of its instance.
func (s *Sender) Send(ctx context.Context, orders ...Order) ([]Written, error) {
	records := make([]*kgo.Record, len(orders))
	for i, o := range orders {
		var err error
		if records[i], err = s.record(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := s.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, s.cfg.Explain("write to topic "+s.cfg.OwnTopics().Inbox, err)
	}
	out := make([]Written, len(records))
	for i, r := range records {
		out[i] = Written{r.Topic, r.Partition, r.Offset}
	}
	return out, nil
}

func (s *Sender) record(ctx context.Context, o Order) (*kgo.Record, error) {
	if text := CheckAct(o.Act); text != "" {
		return nil, fmt.Errorf("%s", text)
	}
	home, err := s.Home(ctx, o.Key)
	if err != nil {
		return nil, err
	}
	text, err := schemas.Inbox{Kind: schemas.InboxAct, Workflow: o.Workflow, Key: o.Key, Act: &o.Act}.Encode()
	if err != nil {
		return nil, fmt.Errorf("act on %s: %w", o.Address(), err)
	}
	return &kgo.Record{Topic: s.cfg.OwnTopics().Inbox, Partition: home, Key: []byte(o.Key), Value: text}, nil
}

// CheckWorkflow refuses a workflow that is not deployed: an act on it would be a
// dead letter.
func CheckWorkflow(ctx context.Context, cfg processor.Config, name string) error {
	defs, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return err
	}
	var names []string
	for _, def := range defs {
		if def.Name == name {
			return nil
		}
		names = append(names, def.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if meant, ok := diag.Suggest(name, names); ok {
		return fmt.Errorf("no workflow %s is deployed: did you mean %s?", name, meant)
	}
	if len(names) == 0 {
		return fmt.Errorf("no workflow is deployed in application %s", cfg.App)
	}
	return fmt.Errorf("no workflow %s is deployed: there are %s", name, strings.Join(names, ", "))
}
