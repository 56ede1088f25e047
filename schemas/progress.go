package schemas

import (
	"cmp"
	"slices"
	"sync"

	"rondo/topology"
)

// Progress says how far a partition has come. It stands under one fixed key of
// the changelog and is written by every transaction that touches the
// partition, so that the changelog always equals the committed offsets.
type Progress struct {
	At         topology.Instant // of the last decision; the next one is not before it
	Inputs     []InputPosition  // written in the order of topic and partition
	Feeders    []string         // sources whose records have come through the inbox; written in order
	Owner      string           // member id of the group's member that wrote this
	Generation int32            // of the group, when this was written
}

// InputPosition is how far one partition of one input topic was decided.
type InputPosition struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
	Next      int64 // offset of the first record that is not decided yet
}

var progressFormat = sync.OnceValue(func() *Format { return newFormat("progress") })

// Encode returns p as it is written to the changelog.
func (p Progress) Encode() ([]byte, error) {
	inputs := slices.SortedFunc(slices.Values(p.Inputs), func(a, b InputPosition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return progressFormat().encode(fields{
		"at":         int64(p.At),
		"inputs":     arrayOf(inputs, inputPositionNative),
		"feeders":    arrayOf(slices.Sorted(slices.Values(p.Feeders)), func(topic string) any { return topic }),
		"owner":      p.Owner,
		"generation": p.Generation,
	})
}

// DecodeProgress reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeProgress(b []byte) (Progress, error) {
	n, err := progressFormat().decode(b)
	if err != nil {
		return Progress{}, err
	}
	return Progress{
		At:         topology.Instant(get[int64](n, "at")),
		Inputs:     sliceOf(n, "inputs", inputPositionOf),
		Feeders:    stringsOf(n, "feeders"),
		Owner:      get[string](n, "owner"),
		Generation: get[int32](n, "generation"),
	}, nil
}

func inputPositionNative(p InputPosition) any {
	return fields{"topic": p.Topic, "topicId": p.TopicID[:], "partition": p.Partition, "next": p.Next}
}

func inputPositionOf(n fields) InputPosition {
	return InputPosition{
		Topic:     get[string](n, "topic"),
		TopicID:   [16]byte(get[[]byte](n, "topicId")),
		Partition: get[int32](n, "partition"),
		Next:      get[int64](n, "next"),
	}
}

func stringsOf(n fields, name string) []string {
	var out []string
	for _, item := range get[[]any](n, name) {
		out = append(out, item.(string))
	}
	return out
}
