package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/diag"
)

// Found is what a look at the instances gives.
type Found struct {
	Instances []*topology.Instance // without their parts, by workflow and key
	// Unreadable are instances that a newer version of the program has written.
	Unreadable int
}

// Instances returns the instances, living and kept, for which keep holds; those
// that have ended and are kept no more are in the history only. It reads the
// whole changelog, and holds in memory what it returns.
func Instances(ctx context.Context, cfg processor.Config, keep func(*topology.Instance) bool) (Found, error) {
	return instances(ctx, cfg, nil, keep)
}

// Instance returns one instance, or nil if there is none.
func Instance(ctx context.Context, cfg processor.Config, to topology.Address) (*topology.Instance, error) {
	client, err := cfg.NewClient()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	home, err := Home(ctx, cfg, client, to.Key)
	if err != nil {
		return nil, err
	}
	found, err := instances(ctx, cfg, []int32{home}, func(i *topology.Instance) bool { return i.Address() == to })
	switch {
	case err != nil:
		return nil, err
	case len(found.Instances) == 1:
		return found.Instances[0], nil
	case found.Unreadable > 0:
		return nil, fmt.Errorf("a newer version of rondo has written %s, and %s may be one of them: use that version", diag.Count(found.Unreadable, "instance"), to)
	}
	return nil, nil
}

func instances(ctx context.Context, cfg processor.Config, partitions []int32, keep func(*topology.Instance) bool) (Found, error) {
	kept := map[string]*topology.Instance{}
	unreadable := map[string]bool{}
	err := scan(ctx, cfg, stretch{topic: cfg.OwnTopics().Changelog, partitions: partitions}, func(record *kgo.Record) error {
		key := string(record.Key)
		if !holdsInstance(record) {
			return nil
		}
		delete(kept, key)
		delete(unreadable, key)
		if record.Value == nil {
			return nil
		}
		instance, err := schemas.DecodeHead(record.Value)
		switch {
		case errors.As(err, new(*schemas.UnknownFormatError)):
			unreadable[key] = true
		case err != nil:
			return fmt.Errorf("changelog record %s/%d/%d: %w", record.Topic, record.Partition, record.Offset, err)
		case keep(instance):
			kept[key] = instance
		}
		return nil
	})
	if err != nil {
		return Found{}, err
	}
	list := slices.SortedFunc(maps.Values(kept), func(a, b *topology.Instance) int {
		return cmp.Or(cmp.Compare(a.Workflow, b.Workflow), cmp.Compare(a.Desk, b.Desk), cmp.Compare(a.Key, b.Key))
	})
	return Found{list, len(unreadable)}, nil
}

// holdsInstance tells instances and desks from what else stands in the
// changelog: the progress of a partition, and parts of instances.
func holdsInstance(record *kgo.Record) bool {
	return !strings.HasPrefix(string(record.Key), "@") && !schemas.IsPart(record.Value)
}
