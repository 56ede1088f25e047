package audit

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"unique"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// Done returns the steps that an instance of f could undo, as Instance.Done says it of
// one with all its parts. f must be what InstancesWithDone gave.
func (f Found) Done(i *topology.Instance) []string {
	out := slices.Clone(f.done[i.Address()])
	for _, step := range i.Done() {
		if !slices.Contains(out, step) {
			out = append(out, step)
		}
	}
	return out
}

// doneParts is what the parts of one workflow's instances tell of things that could
// be undone. A nil one takes no notice of parts.
type doneParts struct {
	prefix string                        // of the keys of its instances
	parts  map[string]map[int64]donePart // by the instance's key and the part's id
}

type donePart struct {
	unreadable bool  // a newer version of the program has written it
	first      int64 // the number of its oldest entry: they are in this order
	entries    int
	steps      []string // each once
}

func newDoneParts(workflow string) *doneParts {
	return &doneParts{prefix: topology.Address{Workflow: workflow}.String(), parts: map[string]map[int64]donePart{}}
}

// add takes a record of the changelog that is no instance.
func (d *doneParts) add(record *kgo.Record) error {
	if d == nil {
		return nil
	}
	instance, id, ok := processor.CutPartKey(string(record.Key))
	if !ok || !strings.HasPrefix(instance, d.prefix) {
		return nil
	}
	if record.Value == nil {
		d.drop(instance, id)
		return nil
	}
	part, err := schemas.DecodePart(record.Value)
	switch {
	case errors.As(err, new(*schemas.UnknownFormatError)):
		d.put(instance, id, donePart{unreadable: true})
	case err != nil:
		return err
	case len(part.Entries) == 0: // of a loop
		d.drop(instance, id)
	default:
		d.put(instance, id, donePartOf(part))
	}
	return nil
}

func donePartOf(part *topology.Part) donePart {
	steps := part.Done()
	for i, step := range steps {
		steps[i] = unique.Make(step).Value() // many parts have the same few
	}
	return donePart{first: part.Entries[0].Seq, entries: len(part.Entries), steps: steps}
}

func (d *doneParts) put(instance string, id int64, part donePart) {
	if d.parts[instance] == nil {
		d.parts[instance] = map[int64]donePart{}
	}
	d.parts[instance][id] = part
}

func (d *doneParts) drop(instance string, id int64) {
	delete(d.parts[instance], id)
	if len(d.parts[instance]) == 0 {
		delete(d.parts, instance)
	}
}

// missing is how many of the things that an instance has in parts were not read;
// below 0: how many more were.
func (d *doneParts) missing(key string, i *topology.Instance) int {
	if d == nil {
		return 0
	}
	n := i.Older
	for _, part := range d.parts[key] {
		n -= part.entries
	}
	return n
}

// unreadable reports whether an instance has a part that could not be read.
func (d *doneParts) unreadable(key string) bool {
	for _, part := range d.parts[key] {
		if part.unreadable {
			return true
		}
	}
	return false
}

// steps are those in the parts of an instance, each once, in the order of doing.
func (d *doneParts) steps(key string) []string {
	if d == nil {
		return nil
	}
	parts := slices.SortedFunc(maps.Values(d.parts[key]), func(a, b donePart) int { return cmp.Compare(a.first, b.first) })
	var out []string
	seen := map[string]bool{}
	for _, part := range parts {
		for _, step := range part.steps {
			if !seen[step] {
				seen[step] = true
				out = append(out, step)
			}
		}
	}
	return out
}
