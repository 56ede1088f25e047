package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/topology"
	"rondo/topology/diag"
)

// topicsAppearPatience is how long a created topic may take until all brokers
// tell of it.
const topicsAppearPatience = time.Minute

// TopicPlan is the difference between the topics that an application needs and
// those that there are.
type TopicPlan struct {
	Missing  []Topic
	Present  []Topic
	Findings []Finding // about those present, in their order
	// Near are topics that there are and that missing ones of messages and tables are
	// called nearly like: who wrote a workflow may have meant them. By missing name.
	Near map[string]string

	want []Topic
}

// Topics are those of the plan, missing or not, in the order in which they were
// asked for.
func (p TopicPlan) Topics() []Topic { return p.want }

// IsMissing reports whether the topic of that name is missing.
func (p TopicPlan) IsMissing(name string) bool {
	return slices.ContainsFunc(p.Missing, func(t Topic) bool { return t.Name == name })
}

// Wrong reports whether a topic is such that a node would not start.
func (p TopicPlan) Wrong() bool {
	return slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Severity == Wrong })
}

// PlanTopics looks up the wanted topics and changes nothing.
func PlanTopics(ctx context.Context, cfg Config, client *kgo.Client, want []Topic) (TopicPlan, error) {
	adm := kadm.NewClient(client)
	names := make([]string, len(want))
	for i, t := range want {
		names[i] = t.Name
	}
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return TopicPlan{}, cfg.Explain("look up the topics", err)
	}
	plan := TopicPlan{want: want}
	for _, t := range want {
		d, listed := details[t.Name]
		switch {
		case !listed || errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			plan.Missing = append(plan.Missing, t)
		case d.Err != nil:
			return TopicPlan{}, cfg.Explain("look up topic "+t.Name, d.Err)
		default:
			plan.Present = append(plan.Present, t)
		}
	}
	if plan.Findings, err = compareAll(ctx, cfg, adm, plan.Present, details); err != nil {
		return plan, err
	}
	plan.Near, err = nearTopics(ctx, cfg, client, plan)
	return plan, err
}

// nearTopics finds TopicPlan.Near.
func nearTopics(ctx context.Context, cfg Config, client *kgo.Client, plan TopicPlan) (map[string]string, error) {
	ours := func(t Topic) bool { return t.Kind.Own() }
	if all(plan.Missing, ours) {
		return nil, nil
	}
	names, err := allTopics(ctx, client)
	if err != nil {
		return nil, cfg.Explain("list the topics", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(plan.want, func(t Topic) bool { return ours(t) && t.Name == name })
	})
	near := map[string]string{}
	for _, t := range plan.Missing {
		if meant, ok := diag.Suggest(t.Name, names); ok && !ours(t) {
			near[t.Name] = meant
		}
	}
	return near, nil
}

// allTopics names the topics of the cluster, in order. It asks a broker and not the
// client, which would remember for a while that nothing else is there, also when it
// has been created meanwhile.
func allTopics(ctx context.Context, client *kgo.Client) ([]string, error) {
	err := errors.New("no broker is known")
	for _, broker := range client.DiscoveredBrokers() {
		var answer kmsg.Response
		if answer, err = broker.RetriableRequest(ctx, kmsg.NewPtrMetadataRequest()); err != nil {
			continue
		}
		var names []string
		for _, topic := range answer.(*kmsg.MetadataResponse).Topics {
			if topic.Topic != nil && !topic.IsInternal {
				names = append(names, *topic.Topic)
			}
		}
		slices.Sort(names)
		return names, nil
	}
	return nil, err
}

// NearTexts asks of each missing topic that is called nearly like another one whether
// that was meant.
func (p TopicPlan) NearTexts() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p.Near)) {
		out = append(out, fmt.Sprintf("%s: did you mean %s, which there is?", name, p.Near[name]))
	}
	return out
}

func compareAll(ctx context.Context, cfg Config, adm *kadm.Client, present []Topic, details kadm.TopicDetails) ([]Finding, error) {
	if len(present) == 0 {
		return nil, nil
	}
	configs, err := topicConfigs(ctx, cfg, adm, present)
	if err != nil {
		return nil, err
	}
	var out []Finding
	for _, t := range present {
		out = append(out, t.compare(observed{
			partitions:  len(details[t.Name].Partitions),
			replication: details[t.Name].Partitions.NumReplicas(),
			configs:     configs[t.Name],
		})...)
	}
	return out, nil
}

// topicConfigs reads the settings of topics; those that the brokers do not let
// us read are left out.
func topicConfigs(ctx context.Context, cfg Config, adm *kadm.Client, topics []Topic) (map[string]map[string]string, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	described, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, cfg.Explain("read the topics' settings", err)
	}
	out := map[string]map[string]string{}
	for _, r := range described {
		if r.Err != nil {
			if isForbidden(r.Err) {
				continue
			}
			return nil, cfg.Explain("read the settings of topic "+r.Name, r.Err)
		}
		out[r.Name] = map[string]string{}
		for _, c := range r.Configs {
			out[r.Name][c.Key] = c.MaybeValue()
		}
	}
	return out, nil
}

// Apply creates the missing topics, one after another, and calls created after
// each. It changes nothing that exists. When it returns nil, every topic can
// be used.
func (p TopicPlan) Apply(ctx context.Context, cfg Config, client *kgo.Client, created func(Topic)) error {
	adm := kadm.NewClient(client)
	for _, t := range p.Missing {
		err := createTopic(ctx, cfg, adm, t)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			continue // somebody else was faster; the next plan compares it
		}
		if err != nil {
			return err
		}
		created(t)
	}
	return awaitTopics(ctx, cfg, client, p.Missing)
}

func createTopic(ctx context.Context, cfg Config, adm *kadm.Client, t Topic) error {
	configs := make(map[string]*string, len(t.Configs))
	for name, value := range t.Configs {
		configs[name] = kadm.StringPtr(value)
	}
	resp, err := adm.CreateTopic(ctx, int32(t.Partitions), int16(t.Replication), configs, t.Name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return refuse(TopicsWrong, err, "topic %s cannot have %s, the cluster has fewer brokers: set replication lower, or add brokers", t.Name, diag.CountOf(t.Replication, "copy", "copies"))
	case errors.Is(err, kerr.TopicAlreadyExists):
		return err
	case resp.ErrMessage != "":
		return cfg.Explain("create topic "+t.Name, fmt.Errorf("%w: %s", err, resp.ErrMessage))
	}
	return cfg.Explain("create topic "+t.Name, err)
}

// awaitTopics returns when every broker tells of the topics, and all their
// partitions have a leader: a node that starts next may ask any broker.
func awaitTopics(ctx context.Context, cfg Config, client *kgo.Client, topics []Topic) error {
	if len(topics) == 0 {
		return nil
	}
	brokers, err := kadm.NewClient(client).ListBrokers(ctx)
	if err != nil {
		return cfg.Explain("list the brokers", err)
	}
	ctx, cancel := context.WithTimeout(ctx, topicsAppearPatience)
	defer cancel()
	for _, id := range brokers.NodeIDs() {
		for {
			behind, err := leaderless(ctx, client.Broker(int(id)), topics)
			if err == nil && behind == "" {
				break
			}
			if pause(ctx, 20*time.Millisecond) != nil {
				return refuse(TopicsWrong, err, "topic %s was created and broker %d does not know its leaders yet: look at the brokers' logs, and try again", behind, id)
			}
		}
	}
	return nil
}

// leaderless names a topic that cannot be used yet, as far as one broker
// knows, or "".
func leaderless(ctx context.Context, broker *kgo.Broker, topics []Topic) (string, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t.Name)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, broker)
	if err != nil {
		return topics[0].Name, err
	}
	for _, t := range resp.Topics {
		leader := func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode == 0 && p.Leader >= 0 }
		if t.ErrorCode != 0 || len(t.Partitions) == 0 || !all(t.Partitions, leader) {
			return *t.Topic, nil
		}
	}
	return "", nil
}

func all[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !holds(v) })
}

// VerifyTopics is what a node does before it joins the group: it refuses to
// start with a topic that is missing or wrong, and names all of them. What can
// be lived with is logged.
func (c Config) VerifyTopics(ctx context.Context, client *kgo.Client, plans []*topology.Plan) error {
	plan, err := PlanTopics(ctx, c, client, c.Topics(plans))
	if err != nil {
		return err
	}
	for _, f := range plan.Findings {
		switch f.Severity {
		case Note:
			c.Log.Info("topic", "topic", f.Topic, "note", f.Text)
		case Warning:
			c.Log.Warn("topic", "topic", f.Topic, "warning", f.Text)
		}
	}
	return plan.refusal(c)
}

// CheckTopics is VerifyTopics for commands: it says only what is wrong.
func CheckTopics(ctx context.Context, cfg Config, plans []*topology.Plan) error {
	client, err := cfg.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := PlanTopics(ctx, cfg, client, cfg.Topics(plans))
	if err != nil {
		return err
	}
	return plan.refusal(cfg)
}

// refusal says all that keeps a node from starting; nil if nothing does.
func (p TopicPlan) refusal(cfg Config) error {
	var problems []string
	if len(p.Missing) > 0 {
		problems = append(problems, missingText(p.Missing, cfg.topicsCommand()))
		problems = append(problems, p.NearTexts()...)
	}
	topics := map[string][]string{} // by what is wrong with them
	for _, f := range p.Findings {
		if f.Severity == Wrong {
			topics[f.Text] = append(topics[f.Text], f.Topic)
		}
	}
	for _, f := range p.Findings {
		if names := topics[f.Text]; len(names) > 0 {
			problems = append(problems, strings.Join(names, ", ")+" "+ofMany(len(names), f.Text))
			delete(topics, f.Text)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return refuse(TopicsWrong, nil, "%s", strings.Join(problems, "; "))
}

// ofMany is what is wrong with one topic, said of several.
func ofMany(topics int, text string) string {
	verb, rest, _ := strings.Cut(text, " ")
	if many := map[string]string{"has": "have", "does": "do", "is": "are", "holds": "hold", "allows": "allow"}[verb]; many != "" && topics > 1 {
		return many + " " + rest
	}
	return text
}

func missingText(missing []Topic, command string) string {
	names := make([]string, len(missing))
	for i, t := range missing {
		names[i] = t.Name
	}
	slices.Sort(names)
	if len(names) == 1 {
		return "topic " + names[0] + " is missing: create it with " + command
	}
	return fmt.Sprintf("%d topics are missing (%s): create them with %s", len(names), strings.Join(names, ", "), command)
}
