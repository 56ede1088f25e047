package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/topology"
)

// cluster is the Kafka cluster of a run.
type cluster struct {
	brokers     []string
	client      *kgo.Client
	admin       *kadm.Client
	replication int
}

func openCluster(ctx context.Context, brokers []string) (*cluster, error) {
	cfg := processor.Config{App: "rondo-bench", Brokers: brokers}.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if _, err := processor.Preflight(ctx, cfg); err != nil {
		return nil, err
	}
	client, err := cfg.NewClient()
	if err != nil {
		return nil, err
	}
	c := &cluster{brokers: brokers, client: client, admin: kadm.NewClient(client)}
	found, err := c.admin.ListBrokers(ctx)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("list the brokers: %w", err)
	}
	c.replication = min(len(found), processor.DefaultReplication)
	return c, nil
}

// config is the application that has this prefix.
func (c *cluster) config(prefix string) processor.Config {
	return processor.Config{App: prefix, Brokers: c.brokers, Partitions: partitions, Replication: c.replication}.WithDefaults()
}

// createTopics creates those of an application with these definitions: a bare
// loop gets the same, with the same settings.
func (c *cluster) createTopics(ctx context.Context, prefix string, definitions []*topology.Definition) error {
	cfg := c.config(prefix)
	var plans []*topology.Plan
	for _, d := range definitions {
		plan, list, err := processor.CheckDefinition(ctx, cfg, d)
		if err != nil {
			return err
		}
		if list.HasErrors() {
			return &processor.DefinitionError{List: list}
		}
		plans = append(plans, plan)
	}
	todo, err := processor.PlanTopics(ctx, cfg, c.client, cfg.Topics(plans))
	if err != nil {
		return err
	}
	return todo.Apply(ctx, cfg, c.client, func(processor.Topic) {})
}

// remove deletes everything whose name begins with the prefix.
func (c *cluster) remove(ctx context.Context, prefix string) error {
	topics, err := c.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list the topics: %w", err)
	}
	names := slices.DeleteFunc(topics.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) > 0 {
		deleted, err := c.admin.DeleteTopics(ctx, names...)
		if err == nil {
			err = deleted.Error()
		}
		if err != nil {
			return fmt.Errorf("delete the topics %s*: %w", prefix, err)
		}
	}
	return c.removeGroups(ctx, prefix)
}

func (c *cluster) removeGroups(ctx context.Context, prefix string) error {
	groups, err := c.admin.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("list the groups: %w", err)
	}
	names := slices.DeleteFunc(groups.Groups(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) == 0 {
		return nil
	}
	deleted, err := c.admin.DeleteGroups(ctx, names...)
	if err != nil {
		return fmt.Errorf("delete the groups %s*: %w", prefix, err)
	}
	var errs []error
	for _, d := range deleted {
		if d.Err != nil && !errors.Is(d.Err, kerr.GroupIDNotFound) {
			errs = append(errs, fmt.Errorf("delete the group %s: %w", d.Group, d.Err))
		}
	}
	return errors.Join(errs...)
}

func (c *cluster) close() { c.client.Close() }
