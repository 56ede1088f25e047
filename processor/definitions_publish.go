package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// Published says what became of a definition.
type Published struct {
	Workflow string
	Version  int
	New      bool // false: it was deployed before, with the same content
	Newest   int  // the version with which new instances begin
}

// publishAttempts is how often a publisher begins again that another one has
// interrupted. Many nodes that start at once interrupt each other; each pass
// one of them gets through, and the others find its work done.
const publishAttempts = 30

// Deploy publishes definitions, all or none. They must have been checked. One
// that is deployed already is left alone; one whose version is deployed with
// another content is a *Refusal. by is who deploys, for the record.
func Deploy(ctx context.Context, cfg Config, defs []*topology.Definition, by string) ([]Published, error) {
	for _, d := range defs {
		if err := checkDeployable(d); err != nil {
			return nil, err
		}
	}
	return publish(ctx, cfg, func(have deployed) ([]schemas.Deployment, []Published, error) {
		return missingFrom(have, defs, by)
	})
}

// DeployChange publishes a definition as the next change of its version, as
// `rondo dev` does: as it is if its version is new, else as 1+dev.2 and so on,
// unless it is what the newest change says already.
func DeployChange(ctx context.Context, cfg Config, def *topology.Definition, by string) (Published, error) {
	if err := checkDeployable(def); err != nil {
		return Published{}, err
	}
	done, err := publish(ctx, cfg, func(have deployed) ([]schemas.Deployment, []Published, error) {
		next, changed := nextChange(have, def)
		result := []Published{{def.Name, next, changed, have.newest(def.Name, next)}}
		if !changed {
			return nil, result, nil
		}
		return []schemas.Deployment{deploymentOf(def, next, now(), by)}, result, nil
	})
	if err != nil {
		return Published{}, err
	}
	return done[0], nil
}

// nextChange is the version under which a changed file is published.
func nextChange(have deployed, def *topology.Definition) (version int, changed bool) {
	newest, ok := have.newestOf(def.Name, def.Version)
	switch {
	case !ok:
		return def.Version, true
	case newest.Digest == def.Digest():
		return newest.Version, false
	}
	return newest.Version + devStep, true
}

// missingFrom picks out what is not deployed yet.
func missingFrom(have deployed, defs []*topology.Definition, by string) ([]schemas.Deployment, []Published, error) {
	var missing []schemas.Deployment
	var result []Published
	for _, d := range defs {
		old, ok := have[definitionKey(d.Name, d.Version)]
		if ok && old.Digest != d.Digest() {
			return nil, nil, refuse(Conflict, nil, "%s", conflictText(old))
		}
		result = append(result, Published{Workflow: d.Name, Version: d.Version, New: !ok})
		if !ok {
			missing = append(missing, deploymentOf(d, d.Version, now(), by))
		}
	}
	for i, p := range result {
		result[i].Newest = have.newest(p.Workflow, newestAmong(result, p.Workflow))
	}
	return missing, result, nil
}

// newestAmong is the newest version of a workflow that is published now.
func newestAmong(published []Published, workflow string) int {
	newest := 0
	for _, p := range published {
		if p.Workflow == workflow && compareVersions(p.Version, newest) > 0 {
			newest = p.Version
		}
	}
	return newest
}

func now() topology.Instant { return topology.InstantOf(time.Now()) }

// choice picks what to publish, having read what there is.
type choice func(have deployed) ([]schemas.Deployment, []Published, error)

// publish reads the topic, and if there is something to write, takes its turn
// among the publishers, reads again and writes. Whatever becomes of the write,
// the next attempt finds out by reading.
func publish(ctx context.Context, cfg Config, choose choice) ([]Published, error) {
	have, err := readDeployed(ctx, cfg, upToCommitted)
	if err != nil {
		return nil, explainDefinitions(cfg, "read", err)
	}
	missing, result, err := choose(have)
	if err != nil || len(missing) == 0 {
		return result, err
	}
	for attempt := 1; ; attempt++ {
		result, err = publishOnce(ctx, cfg, choose)
		if err == nil || !interrupted(err) || attempt == publishAttempts {
			return result, explainDefinitions(cfg, "publish on", err)
		}
		if err := pause(ctx, time.Duration(attempt)*20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func explainDefinitions(cfg Config, doing string, err error) error {
	if errors.Is(err, errNoDefinitionsTopic) {
		return refuse(TopicsWrong, nil, "topic %s is missing: create it with %s", cfg.OwnTopics().Definitions, cfg.topicsCommand())
	}
	return cfg.Explain(doing+" topic "+cfg.OwnTopics().Definitions, err)
}

// interrupted reports whether another publisher has taken the turn, or the
// outcome is not known: reading again tells.
func interrupted(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) ||
		errors.Is(err, kerr.InvalidProducerIDMapping) || errors.Is(err, kerr.InvalidTxnState) ||
		errors.Is(err, kerr.ConcurrentTransactions) || errors.Is(err, kerr.TransactionAbortable) ||
		errors.Is(err, kerr.RequestTimedOut) || errors.Is(err, kerr.UnknownServerError) // as when two open one id at the same moment
}

// publishOnce is one turn. To open the transactional id ends the transaction
// of whoever had it: from then on nobody else's record can appear before ours.
func publishOnce(ctx context.Context, cfg Config, choose choice) ([]Published, error) {
	client, err := cfg.NewClient(
		kgo.TransactionalID(cfg.App+"-definitions"),
		kgo.TransactionTimeout(cfg.TransactionTimeout),
		kgo.ProducerBatchMaxBytes(ownMessageBytes-1024),
		kgo.MaxBufferedBytes(64<<20),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(cfg.TransactionTimeout),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return nil, fmt.Errorf("take a turn: %w", err)
	}
	have, err := readDeployed(ctx, cfg, upToWritten)
	if err != nil {
		return nil, err
	}
	missing, result, err := choose(have)
	if err != nil || len(missing) == 0 {
		return result, err
	}
	return result, write(ctx, cfg, client, missing)
}

// write publishes deployments in one transaction.
func write(ctx context.Context, cfg Config, client *kgo.Client, what []schemas.Deployment) error {
	records := make([]*kgo.Record, len(what))
	for i, d := range what {
		value, err := d.Encode()
		if err != nil {
			return err
		}
		records[i] = &kgo.Record{
			Topic: cfg.OwnTopics().Definitions,
			Key:   []byte(definitionKey(d.Workflow, d.Version)),
			Value: value,
		}
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		// Nobody else writes under this id meanwhile; what cannot be aborted
		// is ended by the next publisher.
		return errors.Join(err, client.EndTransaction(ctx, kgo.TryAbort))
	}
	if err := awaitListed(ctx, client, records[0]); err != nil {
		return err
	}
	return client.EndTransaction(ctx, kgo.TryCommit)
}
