package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicID is Kafka's identity of a topic: a topic that was deleted and created
// again has another.
type topicID = [16]byte

// topicFacts are what lanes need to know of a topic that they write or read.
type topicFacts struct {
	id              topicID
	partitions      int32
	maxMessageBytes int
	deleteRetention time.Duration // how long compaction keeps tombstones
}

// cluster answers the lanes' questions about topics and offsets. It is shared
// by all lanes of a node.
type cluster struct {
	client  *kgo.Client
	admin   *kadm.Client
	group   string
	log     *slog.Logger
	hanging time.Duration // 0: hangingAfter

	mu    sync.Mutex // guards facts; never held across I/O
	facts map[string]topicFacts
}

func newCluster(client *kgo.Client, group string, log *slog.Logger) *cluster {
	return &cluster{client: client, admin: kadm.NewClient(client), group: group, log: log, facts: make(map[string]topicFacts)}
}

// topic returns the facts of a topic, asking the brokers the first time.
func (c *cluster) topic(ctx context.Context, name string) (topicFacts, error) {
	c.mu.Lock()
	known, ok := c.facts[name]
	c.mu.Unlock()
	if ok {
		return known, nil
	}
	return c.freshTopic(ctx, name)
}

// freshTopic asks the brokers: the topic may have been created anew.
func (c *cluster) freshTopic(ctx context.Context, name string) (topicFacts, error) {
	facts, err := c.askTopic(ctx, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.facts[name] = facts
	case errors.Is(err, errNoTopic):
		delete(c.facts, name)
	}
	return facts, err
}

// refresh asks again for every topic that was asked for: partitions may have
// been added, or settings changed. What cannot be had now stays as it was,
// except that a topic which is gone is forgotten.
func (c *cluster) refresh(ctx context.Context) error {
	c.mu.Lock()
	names := slices.Sorted(maps.Keys(c.facts))
	c.mu.Unlock()
	var failed []error
	for _, name := range names {
		if _, err := c.freshTopic(ctx, name); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// errNoTopic is a topic that does not exist.
var errNoTopic = errors.New("does not exist: create it, or run `rondo topics apply`")

// batchBytes is the largest batch that a topic takes, as far as is known. Only topics that were
// asked for before are written to.
func (c *cluster) batchBytes(name string) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if facts, ok := c.facts[name]; ok {
		return int32(facts.maxMessageBytes)
	}
	return defaultBatchBytes
}

func (c *cluster) askTopic(ctx context.Context, name string) (topicFacts, error) {
	details, err := c.admin.ListTopics(ctx, name)
	if err != nil {
		return topicFacts{}, fmt.Errorf("look up topic %s: %w", name, err)
	}
	detail := details[name]
	if errors.Is(detail.Err, kerr.UnknownTopicOrPartition) || len(detail.Partitions) == 0 {
		return topicFacts{}, fmt.Errorf("topic %s %w", name, errNoTopic)
	}
	if detail.Err != nil {
		return topicFacts{}, fmt.Errorf("look up topic %s: %w", name, detail.Err)
	}
	facts := topicFacts{
		id:              topicID(detail.ID),
		partitions:      int32(len(detail.Partitions)),
		maxMessageBytes: 1 << 20,
		deleteRetention: 24 * time.Hour,
	}
	configs, err := c.admin.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return topicFacts{}, fmt.Errorf("read the settings of topic %s: %w", name, err)
	}
	for _, config := range configs {
		// Without the right to describe settings the defaults of Kafka hold.
		for _, entry := range config.Configs {
			facts.read(entry.Key, entry.MaybeValue())
		}
	}
	return facts, nil
}

func (f *topicFacts) read(key, value string) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return // a setting that is no number, or not shown to us
	}
	switch key {
	case "max.message.bytes":
		f.maxMessageBytes = int(min(n, 1<<30))
	case "delete.retention.ms":
		f.deleteRetention = time.Duration(n) * time.Millisecond
	}
}

// stableOffsets returns the group's committed offsets of the inputs: only
// those that exist. It waits until no transaction on them is undecided. One that
// is undecided for longer than the brokers may take is a *haltError: they have
// lost its marker, and it will be undecided for ever.
func (c *cluster) stableOffsets(ctx context.Context, inputs []input) (map[input]committed, error) {
	hanging := cmp.Or(c.hanging, hangingAfter)
	began := time.Now()
	for said := began; ; {
		offsets, err := c.fetchOffsets(ctx, inputs, true)
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			return offsets, err
		}
		if time.Since(began) > hanging {
			return nil, halt("for %v nobody has ended a transaction on an offset, although its owner is fenced (%v): the brokers have lost its end. "+
				"Find it with kafka-transactions find-hanging and abort it in every partition that it lists (docs/operations.md, Hanging transactions)", hanging, err)
		}
		if time.Since(said) > hanging/undecidedNotices {
			said = time.Now()
			c.log.Warn("waiting for the end of a transaction", "reason", err.Error(), "waited", time.Since(began).Round(time.Millisecond), "at_most", hanging)
		}
		if err := pause(ctx, unstableRetry); err != nil {
			return nil, err
		}
	}
}

// undecidedNotices is how often waiting for a transaction's end is said before it
// is taken for a hanging one.
const undecidedNotices = 6

// hangingAfter is how long a transaction whose owner is fenced may be undecided:
// far longer than the brokers need to write its markers, a restart included.
const hangingAfter = time.Minute

// unstableRetry is how long a transaction that is being completed gets before
// the offsets are asked for again. Markers take a few milliseconds.
const unstableRetry = 5 * time.Millisecond

// committed is an offset that the group has committed.
type committed struct {
	next int64  // the next record to read
	note string // metadata; an offsetNote if a lane wrote it
}

// fetchOffsets returns the group's committed offsets of the inputs: only those that
// exist. If they must be stable, one that a transaction is about to change is an
// error.
func (c *cluster) fetchOffsets(ctx context.Context, inputs []input, stable bool) (map[input]committed, error) {
	request, err := c.offsetFetchRequest(ctx, inputs, stable)
	if err != nil {
		return nil, err
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", c.group, err)
	}
	return c.committedOffsets(request, response, inputs)
}

// committedOffsets reads what the group's coordinator answers.
func (c *cluster) committedOffsets(request *kmsg.OffsetFetchRequest, response *kmsg.OffsetFetchResponse, inputs []input) (map[input]committed, error) {
	names := make(map[[16]byte]string) // a coordinator that does not know an id has no name for it
	for _, topic := range request.Groups[0].Topics {
		names[topic.TopicID] = topic.Topic
	}
	out := make(map[input]committed)
	for _, group := range response.Groups {
		if err := kerr.ErrorForCode(group.ErrorCode); err != nil {
			return nil, fmt.Errorf("fetch offsets of %v for group %s: %w", inputs, c.group, err)
		}
		for _, topic := range group.Topics {
			for _, p := range topic.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("fetch offset of %s/%d for group %s: %w", cmp.Or(topic.Topic, names[topic.TopicID]), p.Partition, c.group, err)
				}
				if p.Offset < 0 {
					continue
				}
				at := committed{next: p.Offset}
				if p.Metadata != nil {
					at.note = *p.Metadata
				}
				out[input{topic.Topic, p.Partition}] = at
			}
		}
	}
	return out, nil
}

func (c *cluster) offsetFetchRequest(ctx context.Context, inputs []input, stable bool) (*kmsg.OffsetFetchRequest, error) {
	partitions := byTopic(inputs)
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = c.group
	for _, name := range slices.Sorted(maps.Keys(partitions)) {
		facts, err := c.topic(ctx, name)
		if err != nil {
			return nil, err
		}
		topic := kmsg.NewOffsetFetchRequestGroupTopic()
		topic.Topic = name
		topic.TopicID = facts.id // what newer brokers ask for
		topic.Partitions = partitions[name]
		group.Topics = append(group.Topics, topic)
	}
	request := kmsg.NewPtrOffsetFetchRequest()
	request.RequireStable = stable
	request.Groups = append(request.Groups, group)
	return request, nil
}

// ends returns, for each input, the offset behind its last record that a
// read_committed reader can see now.
func (c *cluster) ends(ctx context.Context, inputs []input) (map[input]int64, error) {
	return c.listOffsets(ctx, inputs, offsetLatest, isolationReadCommitted)
}

// highWatermarks returns the offsets behind the last records, those of
// undecided transactions included.
func (c *cluster) highWatermarks(ctx context.Context, inputs []input) (map[input]int64, error) {
	return c.listOffsets(ctx, inputs, offsetLatest, isolationReadUncommitted)
}

// starts returns the offsets of the first records that still exist.
func (c *cluster) starts(ctx context.Context, inputs []input) (map[input]int64, error) {
	return c.listOffsets(ctx, inputs, offsetEarliest, isolationReadUncommitted)
}

// after returns the offsets of the first records that are not older than at.
// Where there is none, it is the end.
func (c *cluster) after(ctx context.Context, inputs []input, at time.Time) (map[input]int64, error) {
	found, err := c.listOffsets(ctx, inputs, at.UnixMilli(), isolationReadUncommitted)
	if err != nil {
		return nil, err
	}
	ends, err := c.highWatermarks(ctx, inputs)
	if err != nil {
		return nil, err
	}
	for in, offset := range found {
		if offset < 0 {
			found[in] = ends[in]
		}
	}
	return found, nil
}

// What ListOffsets calls its special times and its isolation levels.
const (
	offsetLatest             = -1
	offsetEarliest           = -2
	isolationReadUncommitted = 0
	isolationReadCommitted   = 1
)

func (c *cluster) listOffsets(ctx context.Context, inputs []input, at int64, isolation int8) (map[input]int64, error) {
	partitions := byTopic(inputs)
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	request.IsolationLevel = isolation
	for _, name := range slices.Sorted(maps.Keys(partitions)) {
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = name
		for _, p := range partitions[name] {
			partition := kmsg.NewListOffsetsRequestTopicPartition()
			partition.Partition = p
			partition.CurrentLeaderEpoch = -1
			partition.Timestamp = at
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
	}
	out := make(map[input]int64, len(inputs))
	for _, shard := range c.client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, fmt.Errorf("list offsets: %w", shard.Err)
		}
		for _, topic := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range topic.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("list offsets of %s/%d: %w", topic.Topic, p.Partition, err)
				}
				out[input{topic.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return out, nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
