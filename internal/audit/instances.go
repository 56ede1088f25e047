package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

	done map[topology.Address][]string // see Done
}

// Instances returns the instances, living and kept, for which keep holds; those
// that have ended and are kept no more are in the history only. It reads the
// whole changelog, and holds in memory what it returns.
func Instances(ctx context.Context, cfg processor.Config, keep func(*topology.Instance) bool) (Found, error) {
	return instances(ctx, cfg, nil, keep)
}

// InstancesWithDone is Instances for those of one workflow, and reads their parts as
// well: what Found.Done says needs it. Of each part it holds in memory which steps
// are in it, and not what else there is.
func InstancesWithDone(ctx context.Context, cfg processor.Config, workflow string, keep func(*topology.Instance) bool) (Found, error) {
	c := newCollection(func(i *topology.Instance) bool { return i.Workflow == workflow && keep(i) })
	c.done = newDoneParts(workflow)
	if err := c.read(ctx, cfg, nil); err != nil {
		return Found{}, err
	}
	return c.found()
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
	c := newCollection(keep)
	if err := c.read(ctx, cfg, partitions); err != nil {
		return Found{}, err
	}
	return c.found()
}

// collection is the instances as the changelog has them, as far as it was read.
type collection struct {
	keep       func(*topology.Instance) bool
	kept       map[string]*topology.Instance
	unreadable map[string]bool
	done       *doneParts // nil: nobody asks what was done
}

func newCollection(keep func(*topology.Instance) bool) *collection {
	return &collection{keep: keep, kept: map[string]*topology.Instance{}, unreadable: map[string]bool{}}
}

func (c *collection) read(ctx context.Context, cfg processor.Config, partitions []int32) error {
	add := func(record *kgo.Record) error {
		if err := c.add(record); err != nil {
			return fmt.Errorf("changelog record %s/%d/%d: %w", record.Topic, record.Partition, record.Offset, err)
		}
		return nil
	}
	return scanUntil(ctx, cfg, stretch{topic: cfg.OwnTopics().Changelog, partitions: partitions}, add, c.whole)
}

// add takes the next record of the changelog.
func (c *collection) add(record *kgo.Record) error {
	if !holdsInstance(record) {
		return c.done.add(record)
	}
	key := string(record.Key)
	delete(c.kept, key)
	delete(c.unreadable, key)
	if record.Value == nil {
		return nil
	}
	instance, err := schemas.DecodeHead(record.Value)
	switch {
	case errors.As(err, new(*schemas.UnknownFormatError)):
		c.unreadable[key] = true
	case err != nil:
		return err
	case c.keep(instance):
		c.kept[key] = instance
	}
	return nil
}

// whole reports whether each instance has the parts that it shall have.
func (c *collection) whole() bool {
	for key, i := range c.kept {
		if c.done.missing(key, i) != 0 {
			return false
		}
	}
	return true
}

// found is what there is when all was read.
func (c *collection) found() (Found, error) {
	f := Found{done: map[topology.Address][]string{}}
	for key, i := range c.kept {
		switch n := c.done.missing(key, i); {
		case n == 0:
			f.Instances = append(f.Instances, i)
			f.done[i.Address()] = c.done.steps(key)
		case c.done.unreadable(key):
			c.unreadable[key] = true
		default:
			return Found{}, fmt.Errorf("instance %s has %d things to undo in its parts, and these have %d in the changelog: "+
				"try again; if that does not help, the changelog is damaged", i.Address(), i.Older, i.Older-n)
		}
	}
	f.Unreadable = len(c.unreadable)
	slices.SortFunc(f.Instances, func(a, b *topology.Instance) int {
		return cmp.Or(cmp.Compare(a.Workflow, b.Workflow), cmp.Compare(a.Desk, b.Desk), cmp.Compare(a.Key, b.Key))
	})
	return f, nil
}

// holdsInstance tells instances and desks from what else stands in the
// changelog: the progress of a partition, and parts of instances.
func holdsInstance(record *kgo.Record) bool {
	return !strings.HasPrefix(string(record.Key), "@") && !schemas.IsPart(record.Value)
}
