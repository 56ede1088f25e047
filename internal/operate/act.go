package operate

import (
	"context"
	"errors"
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

// Send writes orders, in their order, each to the partition of its instance.
func (s *Sender) Send(ctx context.Context, orders ...Order) ([]Written, error) {
	records, err := s.records(ctx, orders)
	if err != nil {
		return nil, err
	}
	return s.write(ctx, records)
}

func (s *Sender) write(ctx context.Context, records []*kgo.Record) ([]Written, error) {
	if err := s.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, s.cfg.Explain("write to topic "+s.cfg.OwnTopics().Inbox, err)
	}
	out := make([]Written, len(records))
	for i, r := range records {
		out[i] = Written{r.Topic, r.Partition, r.Offset}
	}
	return out, nil
}

// records are the orders as the inbox shall have them.
func (s *Sender) records(ctx context.Context, orders []Order) ([]*kgo.Record, error) {
	home, err := audit.Homes(ctx, s.cfg, s.client)
	if err != nil {
		return nil, err
	}
	out := make([]*kgo.Record, len(orders))
	for i, o := range orders {
		if text := CheckAct(o.Act); text != "" {
			return nil, errors.New(text)
		}
		text, err := schemas.Inbox{Kind: schemas.InboxAct, Workflow: o.Workflow, Key: o.Key, Act: &o.Act}.Encode()
		if err != nil {
			return nil, fmt.Errorf("act on %s: %w", o.Address(), err)
		}
		out[i] = &kgo.Record{Topic: s.cfg.OwnTopics().Inbox, Partition: home(o.Key), Key: []byte(o.Key), Value: text}
	}
	return out, nil
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

// CheckTarget refuses a jump to a step that the instance's version does not have in
// its top list, a variable that it does not have, and a version that is not deployed:
// nothing needs to be sent to know that.
func CheckTarget(ctx context.Context, cfg processor.Config, o Order) error {
	switch o.Act.Kind {
	case Migrate:
		return checkVersion(ctx, cfg, o)
	case Jump, Set:
		return checkNames(ctx, cfg, o)
	}
	return nil
}

// checkVersion refuses a version that is not deployed, and says which are.
func checkVersion(ctx context.Context, cfg processor.Config, o Order) error {
	defs, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return err
	}
	var there []int
	for _, def := range defs {
		if def.Name == o.Workflow {
			there = append(there, def.Version)
		}
	}
	version, _ := o.Act.Data.(int64)
	if slices.Contains(there, int(version)) {
		return nil
	}
	return errors.New(processor.NoVersion(o.Workflow, int(version), there))
}

// checkNames refuses a step or variables that the instance's version does not have.
func checkNames(ctx context.Context, cfg processor.Config, o Order) error {
	instance, err := audit.Instance(ctx, cfg, o.Address())
	if err != nil {
		return err
	}
	if instance == nil {
		return fmt.Errorf("there is no instance %s: it never began, or ended and is kept no more", o.Address())
	}
	defs, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return err
	}
	for _, def := range defs {
		if def.Name != o.Workflow || def.Version != instance.Version {
			continue
		}
		if o.Act.Kind == Set {
			return checkVariables(cfg, def, o.Act.Data)
		}
		return checkStep(def, o.Act.Step)
	}
	return nil // the node that owns the instance may know the version all the same
}

// checkVariables says what is wrong with variables to set.
func checkVariables(cfg processor.Config, def *topology.Definition, data value.Value) error {
	plan, _ := topology.Compile(def, cfg.PlanOptions())
	variables, isMap := data.(*value.Map)
	if plan == nil || !isMap {
		return nil // the node that owns the instance says what is wrong
	}
	for name := range variables.All() {
		if !slices.Contains(plan.Variables(), name) {
			return fmt.Errorf("%s version %s %s", def.Name, processor.VersionText(def.Version), plan.NoVariable(name))
		}
	}
	return nil
}

// checkStep says what is wrong with a step to jump to.
func checkStep(def *topology.Definition, step string) error {
	var names []string
	for _, s := range def.Do {
		names = append(names, s.Name)
	}
	if slices.Contains(names, step) {
		return nil
	}
	version := fmt.Sprintf("%s version %s", def.Name, processor.VersionText(def.Version))
	inner := false
	def.EachStep(func(s *topology.Step) { inner = inner || s.Name == step })
	if inner {
		return fmt.Errorf("%s has %s within another step, where nobody can jump to: choose one of %s", version, step, strings.Join(names, ", "))
	}
	if meant, ok := diag.Suggest(step, names); ok {
		return fmt.Errorf("%s has no step %s: did you mean %s?", version, step, meant)
	}
	return fmt.Errorf("%s has no step %s: its steps are %s", version, step, strings.Join(names, ", "))
}
