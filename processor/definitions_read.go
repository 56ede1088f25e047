package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// errNoDefinitionsTopic is the first thing that a new application meets.
var errNoDefinitionsTopic = errors.New("the definitions topic is missing: create it with rondo topics apply")

// definitionsPatience is how long, beyond the timeout of transactions, the
// topic may yield nothing while there is something to read. The transaction of
// a publisher that died is ended by then.
const definitionsPatience = 30 * time.Second

// extent is how much of the topic a reader waits for.
type extent int

const (
	// upToCommitted is what completed transactions have written by now. The
	// last one may be missing: its publisher is told before its marker is there.
	upToCommitted extent = iota
	// upToWritten is all that is there by now; transactions that are open, or
	// being completed, are waited for.
	upToWritten
)

// definitionsReader reads the definitions topic from its start, one record
// after the other.
type definitionsReader struct {
	topic    string
	client   *kgo.Client
	patience time.Duration
	next     int64 // offset of the next record
}

func newDefinitionsReader(cfg Config) (*definitionsReader, error) {
	topic := cfg.OwnTopics().Definitions
	client, err := cfg.NewClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // a trailing marker is the end as well
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	return &definitionsReader{topic: topic, client: client, patience: definitionsPatience + cfg.TransactionTimeout}, nil
}

func (r *definitionsReader) close() { r.client.Close() }

// bounds are the offsets of the first record and behind the last one.
func (r *definitionsReader) bounds(ctx context.Context, what extent) (start, end int64, err error) {
	adm := kadm.NewClient(r.client)
	starts, err := adm.ListStartOffsets(ctx, r.topic)
	if err != nil {
		return 0, 0, err
	}
	list := adm.ListEndOffsets
	if what == upToCommitted {
		list = adm.ListCommittedOffsets
	}
	ends, err := list(ctx, r.topic)
	if err != nil {
		return 0, 0, err
	}
	first, _ := starts.Lookup(r.topic, 0)
	last, ok := ends.Lookup(r.topic, 0)
	if !ok || errors.Is(last.Err, kerr.UnknownTopicOrPartition) {
		return 0, 0, errNoDefinitionsTopic
	}
	return first.Offset, last.Offset, errors.Join(first.Err, last.Err)
}

// toEnd hands over everything that the topic holds now.
func (r *definitionsReader) toEnd(ctx context.Context, what extent, each func(*kgo.Record)) error {
	start, end, err := r.bounds(ctx, what)
	if err != nil {
		return err
	}
	r.next = max(r.next, start)
	for r.next < end {
		polling, cancel := context.WithTimeout(ctx, r.patience)
		err := r.poll(polling, each)
		timedOut := polling.Err() != nil && ctx.Err() == nil
		cancel()
		if timedOut {
			return fmt.Errorf("offsets %d to %d yielded nothing for %s", r.next, end, r.patience)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// poll waits for records and hands them over, without the transactions'
// markers.
func (r *definitionsReader) poll(ctx context.Context, each func(*kgo.Record)) error {
	fetches := r.client.PollFetches(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := fetches.Err(); err != nil {
		return err
	}
	for _, record := range fetches.Records() {
		r.next = record.Offset + 1
		if !record.Attrs.IsControl() {
			each(record)
		}
	}
	return nil
}

// readDeployed returns what the definitions topic holds now.
func readDeployed(ctx context.Context, cfg Config, what extent) (deployed, error) {
	reader, err := newDefinitionsReader(cfg)
	if err != nil {
		return nil, err
	}
	defer reader.close()
	have := deployed{}
	var newer error
	err = reader.toEnd(ctx, what, func(record *kgo.Record) {
		if record.Value == nil {
			delete(have, string(record.Key))
			return
		}
		// Other records that are wrong are for the nodes to complain about.
		if _, err := have.put(string(record.Key), record.Value); errors.As(err, new(*schemas.UnknownFormatError)) {
			newer = err
		}
	})
	return have, errors.Join(err, newer)
}

// DeployedDefinitions returns the definitions that the application's nodes run,
// as far as this program understands them. An application without a
// definitions topic has none.
func DeployedDefinitions(ctx context.Context, cfg Config) ([]*topology.Definition, error) {
	have, err := readDeployed(ctx, cfg, upToWritten)
	if errors.Is(err, errNoDefinitionsTopic) {
		return nil, nil
	}
	if err != nil {
		return nil, explainDefinitions(cfg, "read", err)
	}
	var out []*topology.Definition
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if def, err := parseDeployment(have[key]); err == nil {
			out = append(out, def)
		}
	}
	return out, nil
}
