package processor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
)

// Sizes and times of an application's own topics.
const (
	// changelogSegmentBytes keeps the part of the changelog that compaction
	// never touches small, and so the restore of a partition short.
	changelogSegmentBytes = 64 << 20
	// tombstoneRetention is how long a stopped node's store can be brought up
	// to date rather than built anew.
	tombstoneRetention = 7 * 24 * time.Hour
	inboxRetention     = 30 * 24 * time.Hour
	deadRetention      = 90 * 24 * time.Hour
	historyRetention   = 365 * 24 * time.Hour
)

// TopicKind is what a topic is to the application.
type TopicKind string

const (
	InboxTopic       TopicKind = "inbox"
	ChangelogTopic   TopicKind = "changelog"
	HistoryTopic     TopicKind = "history"
	DefinitionsTopic TopicKind = "definitions"
	DeadLettersTopic TopicKind = "dead-letters"
	MessagesTopic    TopicKind = "messages" // of the users: named by definitions
	TableTopic       TopicKind = "table"    // of the users: named by the tables of definitions
)

// Own reports whether topics of this kind belong to Rondo alone.
func (k TopicKind) Own() bool { return k != MessagesTopic && k != TableTopic }

// TopicName is the name of an own topic of application app.
func TopicName(app string, kind TopicKind) string { return app + "." + string(kind) }

// OwnTopics are the names of an application's own topics.
type OwnTopics struct {
	Inbox, Changelog, History, Definitions, DeadLetters string
}

// OwnTopics returns the names of the application's own topics.
func (c Config) OwnTopics() OwnTopics {
	return OwnTopics{
		Inbox:       TopicName(c.App, InboxTopic),
		Changelog:   TopicName(c.App, ChangelogTopic),
		History:     TopicName(c.App, HistoryTopic),
		Definitions: TopicName(c.App, DefinitionsTopic),
		DeadLetters: TopicName(c.App, DeadLettersTopic),
	}
}

// Topic is a topic as it should be.
type Topic struct {
	Name        string
	Kind        TopicKind
	Partitions  int
	Replication int
	Configs     map[string]string // the topic's own settings; the rest is the broker's
	Read        bool              // of a topic of the users: some definition takes events from it
	Written     bool              // of a topic of the users: some definition sends commands to it
	Workflows   []string          // of a topic of the users: whose definitions name it
}

// Topics lists the topics that an application with these plans needs, its own
// first. User topics that are missing are made with the application's number
// of partitions, so that their records need no hop through the inbox.
func (c Config) Topics(plans []*topology.Plan) []Topic {
	own := []Topic{
		c.own(InboxTopic, map[string]string{"cleanup.policy": "delete", "retention.ms": millis(inboxRetention)}),
		c.own(ChangelogTopic, map[string]string{
			"cleanup.policy":      "compact",
			"delete.retention.ms": millis(tombstoneRetention),
			"segment.bytes":       strconv.Itoa(changelogSegmentBytes),
		}),
		c.own(HistoryTopic, map[string]string{"cleanup.policy": "delete", "retention.ms": millis(historyRetention)}),
		c.own(DefinitionsTopic, map[string]string{"cleanup.policy": "compact"}),
		c.own(DeadLettersTopic, map[string]string{"cleanup.policy": "delete", "retention.ms": millis(deadRetention)}),
	}
	return append(own, c.messages(plans)...)
}

func (c Config) own(kind TopicKind, configs map[string]string) Topic {
	configs["max.message.bytes"] = strconv.Itoa(ownMessageBytes)
	configs["min.insync.replicas"] = strconv.Itoa(c.minInSync())
	t := Topic{Name: TopicName(c.App, kind), Kind: kind, Partitions: c.Partitions, Replication: c.Replication, Configs: configs}
	if kind == DefinitionsTopic {
		t.Partitions = 1
	}
	return t
}

// minInSync is how many copies a record must have before it counts as written:
// two, where one of the copies may be away without stopping the application.
func (c Config) minInSync() int {
	if c.Replication >= 3 {
		return 2
	}
	return 1
}

func (c Config) messages(plans []*topology.Plan) []Topic {
	topics := map[string]*Topic{}
	at := func(name, workflow string) *Topic {
		t := topics[name]
		if t == nil {
			t = &Topic{Name: name, Kind: MessagesTopic, Partitions: c.Partitions, Replication: c.Replication,
				Configs: map[string]string{"min.insync.replicas": strconv.Itoa(c.minInSync())}}
			topics[name] = t
		}
		if !slices.Contains(t.Workflows, workflow) {
			t.Workflows = append(t.Workflows, workflow)
		}
		return t
	}
	for _, plan := range plans {
		workflow := plan.Definition().Name
		for _, name := range plan.Reads() {
			at(name, workflow).Read = true
		}
		for _, name := range plan.Writes() {
			at(name, workflow).Written = true
		}
		for _, table := range plan.Definition().Tables {
			t := at(table.Topic, workflow)
			t.Kind, t.Configs["cleanup.policy"] = TableTopic, "compact"
		}
	}
	var out []Topic
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		slices.Sort(topics[name].Workflows)
		out = append(out, *topics[name])
	}
	return out
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Finding is how an existing topic differs from what it should be.
type Finding struct {
	Topic    string
	Severity FindingSeverity
	Text     string // what is so (it begins with a verb, for the topic stands before it), what follows, what to do
}

func (f Finding) String() string { return f.Topic + " " + f.Text }

// FindingSeverity says whether the application can run with a topic as it is.
type FindingSeverity int

const (
	Note    FindingSeverity = iota // it works as well, and costs something
	Warning                        // it works, and something can be lost on a bad day
	Wrong                          // a node does not start
)

func (s FindingSeverity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	}
	return "error"
}

// observed is a topic as it is.
type observed struct {
	partitions  int
	replication int               // of the partition with the fewest copies
	configs     map[string]string // nil: the brokers do not let us look
}

// compare says in what o differs from t.
func (t Topic) compare(o observed) []Finding {
	var out []Finding
	add := func(s FindingSeverity, format string, args ...any) {
		out = append(out, Finding{t.Name, s, fmt.Sprintf(format, args...)})
	}
	if t.Kind.Own() {
		t.comparePartitions(o, add)
		t.compareOwnConfigs(o, add)
	} else {
		t.compareMessages(o, add)
	}
	if o.replication < t.Replication {
		add(Warning, "has %s, the configuration says %d: reassign its partitions, or set replication: %d", diag.CountOf(o.replication, "copy", "copies"), t.Replication, o.replication)
	}
	if have, want := number(o.configs, "min.insync.replicas"), number(t.Configs, "min.insync.replicas"); o.configs != nil && have < want && o.replication >= t.Replication {
		add(Warning, "has min.insync.replicas %d: a record counts as written when it has one copy; set it to %d", have, want)
	}
	if o.configs["unclean.leader.election.enable"] == "true" {
		add(Warning, "allows unclean.leader.election: records that were acknowledged can be lost; set it to false")
	}
	return out
}

type addFinding func(s FindingSeverity, format string, args ...any)

func (t Topic) comparePartitions(o observed, add addFinding) {
	if o.partitions == t.Partitions {
		return
	}
	if t.Kind == DefinitionsTopic {
		add(Wrong, "has %s and must have one: their order would be lost; delete it, create it with rondo topics apply, and deploy again", diag.Count(o.partitions, "partition"))
		return
	}
	add(Wrong, "has %s, the configuration says %d: the number is fixed when the application is made, for it decides where each instance lives; set partitions: %d", diag.Count(o.partitions, "partition"), t.Partitions, o.partitions)
}

func (t Topic) compareOwnConfigs(o observed, add addFinding) {
	if o.configs == nil {
		add(Warning, "does not let its settings be read: allow DESCRIBE_CONFIGS on it, so that they can be checked")
		return
	}
	if have, want := o.configs["cleanup.policy"], t.Configs["cleanup.policy"]; have != want {
		add(Wrong, "has cleanup.policy %s and must have %s, or %s: set it with kafka-configs.sh --alter", have, want, t.losesBy())
	}
	if have := number(o.configs, "max.message.bytes"); have < ownMessageBytes {
		add(Wrong, "has max.message.bytes %d and needs %d, or large instances stop their partition: set it with kafka-configs.sh --alter", have, ownMessageBytes)
	}
}

// losesBy is what the wrong cleanup policy would do.
func (t Topic) losesBy() string {
	switch t.Kind {
	case ChangelogTopic:
		return "instances older than its retention are lost"
	case DefinitionsTopic:
		return "definitions older than its retention are lost"
	}
	return "only the last record of each key is kept"
}

func (t Topic) compareMessages(o observed, add addFinding) {
	if o.partitions != t.Partitions && t.Read {
		add(Note, "has %s, not %d: its records take a hop through the inbox", diag.Count(o.partitions, "partition"), t.Partitions)
	}
	if t.Read && (o.configs["cleanup.policy"] == "compact" || o.configs["cleanup.policy"] == "compact,delete") {
		add(Warning, "is compacted and read for events: of several events of a key, all but the last may vanish before they are read")
	}
	if have := o.configs["cleanup.policy"]; t.Kind == TableTopic && o.configs != nil && !strings.Contains(have, "compact") {
		add(Warning, "holds a table and has cleanup.policy %s: rows older than its retention vanish, and it grows with every change; set it to compact", have)
	}
}

// number reads a whole number out of a topic's settings; 0 where there is none.
func number(configs map[string]string, name string) int64 {
	n, err := strconv.ParseInt(configs[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
