package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/checkout"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
	"rondo/internal/devbroker"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

// appOf is the application's name for a story: the beginning of its own topics,
// and its consumer group. The checkout's is the demo's plain name.
func appOf(s *story.Story) string {
	if s == checkout.Story {
		return "rondo-demo"
	}
	return "rondo-demo-" + s.Name()
}

// partitions of the application and of every topic that the demo makes.
const partitions = 8

// topicsOf are a story's topics, by what they are to the orchestrator.
func topicsOf(s *story.Story) verdict.Topics {
	app := appOf(s)
	topics := verdict.Topics{
		Inputs: s.Inputs, Commands: s.Commands, Tables: s.Tables,
		Ledger:      ledger.Topic,
		DeadLetters: processor.TopicName(app, processor.DeadLettersTopic),
		Inbox:       processor.TopicName(app, processor.InboxTopic),
	}
	if s.Stateless {
		topics.Changelog = processor.TopicName(app, processor.ChangelogTopic)
	}
	return topics
}

// cluster is the Kafka cluster of a run.
type cluster struct {
	story       *story.Story
	app         string
	brokers     []string
	embedded    *devbroker.Broker // nil: it was there
	client      *kgo.Client
	admin       *kadm.Client
	replication int
}

// openCluster connects to the brokers, or starts one with its data in dir.
func openCluster(ctx context.Context, s *story.Story, brokers []string, dir string) (*cluster, error) {
	c := &cluster{story: s, app: appOf(s), brokers: brokers}
	if len(brokers) == 0 {
		var err error
		if c.embedded, err = devbroker.Start(devbroker.Config{DataDir: dir}); err != nil {
			return nil, err
		}
		c.brokers = c.embedded.Addrs()
	}
	if err := c.connect(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) connect(ctx context.Context) error {
	if _, err := processor.Preflight(ctx, c.config()); err != nil {
		return err
	}
	client, err := c.config().NewClient(kgo.MetadataMinAge(100 * time.Millisecond))
	if err != nil {
		return err
	}
	c.client, c.admin = client, kadm.NewClient(client)
	found, err := c.admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list the brokers: %w", err)
	}
	c.replication = min(len(found), processor.DefaultReplication)
	return nil
}

// config is what the demo says of the application for work of its own; nodes
// have files.
func (c *cluster) config() processor.Config {
	return processor.Config{App: c.app, Brokers: c.brokers, Partitions: partitions, Replication: c.replication}.WithDefaults()
}

func (c *cluster) close() {
	if c.client != nil {
		c.client.Close()
	}
	if c.embedded != nil {
		c.embedded.Close()
	}
}

// prepare creates the topics that are missing and deploys the definition.
func (c *cluster) prepare(ctx context.Context) error {
	definition, err := readDefinition(c.story)
	if err != nil {
		return err
	}
	plan, list, err := processor.CheckDefinition(ctx, c.config(), definition)
	if err != nil {
		return err
	}
	if list.HasErrors() {
		return &processor.DefinitionError{List: list}
	}
	if err := c.createTopics(ctx, plan); err != nil {
		return err
	}
	_, err = processor.Deploy(ctx, c.config(), []*topology.Definition{definition}, "rondo demo")
	if refusal, ok := errors.AsType[*processor.Refusal](err); ok && refusal.Kind == processor.Conflict {
		return fmt.Errorf("%w; it was left by the demo of another release: delete the topics %s.* to run this one", err, c.app)
	}
	return err
}

func readDefinition(s *story.Story) (*topology.Definition, error) {
	src, err := s.Source()
	if err != nil {
		return nil, err
	}
	definition, list := topology.Parse(s.Definition, src, func(name string) ([]byte, error) {
		return fs.ReadFile(s.Files, name)
	})
	if list.HasErrors() {
		return nil, &processor.DefinitionError{List: list}
	}
	return definition, nil
}

func (c *cluster) createTopics(ctx context.Context, plan *topology.Plan) error {
	todo, err := processor.PlanTopics(ctx, c.config(), c.client, c.config().Topics([]*topology.Plan{plan}))
	if err != nil {
		return err
	}
	if err := refuseForeign(todo); err != nil {
		return err
	}
	if err := todo.Apply(ctx, c.config(), c.client, func(processor.Topic) {}); err != nil {
		return err
	}
	return services.CreateLedger(ctx, c.admin)
}

// refuseForeign keeps simulated events out of topics that are somebody's: where
// the demo was before, its own topics are there too.
func refuseForeign(plan processor.TopicPlan) error {
	ownThere := slices.ContainsFunc(plan.Present, func(t processor.Topic) bool { return t.Kind.Own() })
	if ownThere {
		return nil
	}
	var foreign []string
	for _, t := range plan.Present {
		foreign = append(foreign, t.Name)
	}
	if len(foreign) == 0 {
		return nil
	}
	return &processor.Refusal{Kind: processor.TopicsWrong, Text: fmt.Sprintf(
		"the cluster has topics that the demo would write simulated events to, and that are not its own (%s): use a cluster without them",
		strings.Join(foreign, ", "))}
}

// refuseBusy makes sure that no other demo runs on the cluster: the two would
// take each other's records.
func (c *cluster) refuseBusy(ctx context.Context) error {
	groups, err := c.admin.DescribeGroups(ctx, c.app)
	if err != nil {
		return fmt.Errorf("look for another demo on the cluster: %w", err)
	}
	if g, ok := groups[c.app]; ok && len(g.Members) > 0 {
		return fmt.Errorf("another demo is running on this cluster (group %s has %s): wait until it has ended; one that was killed is gone after %s", c.app, diag.Count(len(g.Members), "member"), sessionTimeout)
	}
	return nil
}

// runID begins the keys of a run's cases. On a cluster that is there for longer
// it tells the runs apart; the embedded one sees a single run.
func (c *cluster) runID(seed uint64) string {
	if c.embedded != nil {
		return "s" + strconv.FormatUint(seed, 10) + "-"
	}
	return "r" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
}

// makeHome makes the temporary folder of a run.
func makeHome() (string, error) {
	dir, err := os.MkdirTemp("", "rondo-demo-")
	if err != nil {
		return "", fmt.Errorf("make the demo's folder: %w", err)
	}
	return filepath.Clean(dir), nil
}
