package services

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"rondo/internal/demo/ledger"
)

// Partitions and copies of the ledger, as far as there are brokers for them.
const (
	ledgerPartitions = 8
	ledgerCopies     = 3
)

// CreateLedger creates the topic of the services' own, unless it is there. The
// topics of a story are the orchestrator's to create.
func CreateLedger(ctx context.Context, admin *kadm.Client) error {
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list the brokers: %w", err)
	}
	copies := min(len(brokers), ledgerCopies)
	_, err = admin.CreateTopic(ctx, ledgerPartitions, int16(copies), nil, ledger.Topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", ledger.Topic, err)
	}
	return nil
}
