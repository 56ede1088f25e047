package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"rondo/internal/kafkatest"
)

// configFor is the configuration of an application of this test's own.
func configFor(t *testing.T, cluster *kafkatest.Cluster) Config {
	t.Helper()
	return Config{
		App:         kafkatest.Unique(t, "app"),
		Brokers:     cluster.Addrs,
		Partitions:  4,
		Replication: min(len(cluster.Addrs), 3),
		DataDir:     t.TempDir(),
		Log:         slog.New(slog.DiscardHandler),
	}.WithDefaults()
}

// shortly bounds a test's talk with a broker.
func shortly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func applyTopics(t *testing.T, cfg Config, cluster *kafkatest.Cluster, want []Topic) []string {
	t.Helper()
	ctx, client := shortly(t), cluster.Client(t)
	plan, err := PlanTopics(ctx, cfg, client, want)
	if err != nil {
		t.Fatal(err)
	}
	var created []string
	if err := plan.Apply(ctx, cfg, client, func(topic Topic) { created = append(created, topic.Name) }); err != nil {
		t.Fatal(err)
	}
	return created
}

func TestApplyCreatesWhatIsMissingAndChangesNothing(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		want := cfg.Topics(nil)
		created := applyTopics(t, cfg, cluster, want)
		if len(created) != 5 || created[0] != cfg.App+".inbox" {
			t.Errorf("created %v", created)
		}
		ctx, client := shortly(t), cluster.Client(t)
		plan, err := PlanTopics(ctx, cfg, client, want)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Missing) != 0 || len(plan.Findings) != 0 {
			t.Errorf("what was created is not what was wanted: missing %v, %v", plan.Missing, plan.Findings)
		}
		if again := applyTopics(t, cfg, cluster, want); len(again) != 0 {
			t.Errorf("a second apply created %v", again)
		}
		if err := cfg.VerifyTopics(ctx, client, nil); err != nil {
			t.Errorf("verify after apply: %v", err)
		}
		checkCreated(t, cfg, kadm.NewClient(client))
	})
}

func checkCreated(t *testing.T, cfg Config, adm *kadm.Client) {
	t.Helper()
	details, err := adm.ListTopics(shortly(t), cfg.OwnTopics().Changelog, cfg.OwnTopics().Definitions)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(details[cfg.OwnTopics().Changelog].Partitions); n != 4 {
		t.Errorf("the changelog has %d partitions", n)
	}
	if n := len(details[cfg.OwnTopics().Definitions].Partitions); n != 1 {
		t.Errorf("the definitions topic has %d partitions", n)
	}
	configs, err := topicConfigs(shortly(t), cfg, adm, cfg.Topics(nil))
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{cfg.OwnTopics().Changelog: "compact", cfg.OwnTopics().Inbox: "delete"} {
		if have := configs[topic]["cleanup.policy"]; have != want {
			t.Errorf("%s has cleanup.policy %s, want %s", topic, have, want)
		}
	}
	if have := configs[cfg.OwnTopics().Changelog]["max.message.bytes"]; have != fmt.Sprint(4<<20) {
		t.Errorf("the changelog has max.message.bytes %s", have)
	}
}

func TestVerifyNamesAllThatIsMissingInOneSentence(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		applyTopics(t, cfg, cluster, cfg.Topics(nil)[:2])
		err := cfg.VerifyTopics(shortly(t), cluster.Client(t), nil)
		wantRefusal(t, err, TopicsWrong, fmt.Sprintf(
			"3 topics are missing (%[1]s.dead-letters, %[1]s.definitions, %[1]s.history): create them with rondo topics apply", cfg.App))
	})
}

func TestVerifyRefusesAnotherNumberOfPartitions(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		applyTopics(t, cfg, cluster, cfg.Topics(nil))
		cfg.Partitions = 8
		err := cfg.VerifyTopics(shortly(t), cluster.Client(t), nil)
		wantRefusal(t, err, TopicsWrong, fmt.Sprintf("%[1]s.inbox, %[1]s.changelog, %[1]s.history, %[1]s.dead-letters", cfg.App)+" have 4 partitions, the configuration says 8: "+
			"the number is fixed when the application is made, for it decides where each instance lives; set partitions: 4")
	})
}

func TestTooManyCopiesAreRefusedWithAWayOut(t *testing.T) {
	kafkatest.EachReal(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		cfg.Replication = 5
		client := cluster.Client(t)
		plan, err := PlanTopics(shortly(t), cfg, client, cfg.Topics(nil))
		if err != nil {
			t.Fatal(err)
		}
		err = plan.Apply(shortly(t), cfg, client, func(Topic) {})
		wantRefusal(t, err, TopicsWrong, "topic "+cfg.App+".inbox cannot have 5 copies, the cluster has fewer brokers: set replication lower, or add brokers")
	})
}

func wantRefusal(t *testing.T, err error, kind RefusalKind, text string) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("no refusal: %v", err)
	}
	if refusal.Kind != kind || !strings.HasPrefix(refusal.Text, text) {
		t.Errorf("refusal %d:\n%s\nwant %d, beginning with:\n%s", refusal.Kind, refusal.Text, kind, text)
	}
}

func TestExistingTopicsAreComparedWithWhatIsNeeded(t *testing.T) {
	cfg := Config{App: "shop", Brokers: []string{"x:1"}}.WithDefaults()
	own := map[TopicKind]Topic{}
	for _, topic := range cfg.Topics(nil) {
		own[topic.Kind] = topic
	}
	events := Topic{Name: "shop.orders", Kind: MessagesTopic, Partitions: 8, Replication: 3, Read: true,
		Configs: map[string]string{"min.insync.replicas": "2"}}
	good := func(change ...string) observed {
		o := observed{partitions: 8, replication: 3, configs: map[string]string{
			"cleanup.policy": "delete", "max.message.bytes": "4194304", "min.insync.replicas": "2"}}
		for i := 0; i < len(change); i += 2 {
			o.configs[change[i]] = change[i+1]
		}
		return o
	}
	for _, tc := range []struct {
		name  string
		topic Topic
		have  observed
		want  string
	}{
		{"as it should be", own[InboxTopic], good(), ""},
		{"a changelog that forgets", own[ChangelogTopic], good(),
			"error shop.changelog has cleanup.policy delete and must have compact, or instances older than its retention are lost: set it with kafka-configs.sh --alter"},
		{"a changelog that compacts and forgets", own[ChangelogTopic], good("cleanup.policy", "compact,delete"),
			"error shop.changelog has cleanup.policy compact,delete and must have compact, or instances older than its retention are lost: set it with kafka-configs.sh --alter"},
		{"an inbox that compacts", own[InboxTopic], good("cleanup.policy", "compact"),
			"error shop.inbox has cleanup.policy compact and must have delete, or only the last record of each key is kept: set it with kafka-configs.sh --alter"},
		{"messages too small", own[HistoryTopic], good("max.message.bytes", "1048588"),
			"error shop.history has max.message.bytes 1048588 and needs 4194304, or large instances stop their partition: set it with kafka-configs.sh --alter"},
		{"fewer copies", own[InboxTopic], observed{partitions: 8, replication: 1, configs: good().configs},
			"warning shop.inbox has 1 copy, the configuration says 3: reassign its partitions, or set replication: 1"},
		{"one acknowledgement", own[InboxTopic], good("min.insync.replicas", "1"),
			"warning shop.inbox has min.insync.replicas 1: a record counts as written when it has one copy; set it to 2"},
		{"unclean election", own[InboxTopic], good("unclean.leader.election.enable", "true"),
			"warning shop.inbox allows unclean.leader.election: records that were acknowledged can be lost; set it to false"},
		{"settings that are not shown", own[InboxTopic], observed{partitions: 8, replication: 3},
			"warning shop.inbox does not let its settings be read: allow DESCRIBE_CONFIGS on it, so that they can be checked"},
		{"definitions in several partitions", own[DefinitionsTopic], good("cleanup.policy", "compact"),
			"error shop.definitions has 8 partitions and must have one: their order would be lost; delete it, create it with rondo topics apply, and deploy again"},
		{"events with other partitions", events, observed{partitions: 3, replication: 3, configs: good().configs},
			"note shop.orders has 3 partitions, not 8: its records take a hop through the inbox"},
		{"events that are compacted", events, good("cleanup.policy", "compact"),
			"warning shop.orders is compacted and read for events: of several events of a key, all but the last may vanish before they are read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, f := range tc.topic.compare(tc.have) {
				got = append(got, fmt.Sprintf("%v %v", f.Severity, f))
			}
			if text := strings.Join(got, "\n"); text != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", text, tc.want)
			}
		})
	}
}

func TestVerifyLogsWhatCanBeLivedWith(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := configFor(t, cluster)
	applyTopics(t, cfg, cluster, cfg.Topics(nil))
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Replication = 3
	if err := cfg.VerifyTopics(shortly(t), cluster.Client(t), nil); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "has 1 copy, the configuration says 3"); n != 5 {
		t.Errorf("%d warnings about copies in:\n%s", n, log.String())
	}
}
