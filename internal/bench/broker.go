package bench

import (
	"context"
	"fmt"
	"maps"
	"rondo/topology/diag"
	"slices"
	"strings"
)

// Broker is what was measured against.
type Broker struct {
	Embedded    bool              `json:"embedded"` // not Kafka
	Version     string            `json:"version"`  // as its requests let guess
	Nodes       int               `json:"nodes"`
	Replication int               `json:"replication"`
	Acks        string            `json:"acks"`     // all: transactions allow for nothing else
	Settings    map[string]string `json:"settings"` // of the topics, as far as they tell how durable a record is
}

// durability are the settings of a topic that tell how durable a record is.
var durability = []string{"min.insync.replicas", "flush.messages", "flush.ms", "unclean.leader.election.enable", "compression.type"}

// describe says what the cluster is, and how durable what is written to a topic.
func (c *cluster) describe(ctx context.Context, embedded bool, topic string) (Broker, error) {
	b := Broker{Embedded: embedded, Replication: c.replication, Acks: "all", Settings: map[string]string{}}
	found, err := c.admin.ListBrokers(ctx)
	if err != nil {
		return b, fmt.Errorf("list the brokers: %w", err)
	}
	b.Nodes = len(found)
	versions, err := c.admin.ApiVersions(ctx)
	if err != nil {
		return b, fmt.Errorf("ask the brokers for their versions: %w", err)
	}
	for _, v := range versions {
		b.Version = v.VersionGuess()
	}
	configs, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return b, fmt.Errorf("ask for the settings of %s: %w", topic, err)
	}
	for _, resource := range configs {
		for _, setting := range resource.Configs {
			if slices.Contains(durability, setting.Key) {
				b.Settings[setting.Key] = setting.MaybeValue()
			}
		}
	}
	return b, nil
}

func (b Broker) String() string {
	kind := fmt.Sprintf("Kafka %s, %s, replication %d, acks=%s", b.Version, diag.Count(b.Nodes, "node"), b.Replication, b.Acks)
	if b.Embedded {
		kind = "embedded broker (not Kafka), in memory"
	}
	var settings []string
	for _, name := range slices.Sorted(maps.Keys(b.Settings)) {
		settings = append(settings, name+"="+b.Settings[name])
	}
	if len(settings) > 0 {
		kind += ", " + strings.Join(settings, " ")
	}
	return kind
}
