package load

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// wire is a producer of events and a consumer of what comes out, as services have
// them.
type wire struct {
	producer, consumer *kgo.Client
}

// openWire reads the topics from their ends on.
func openWire(ctx context.Context, brokers, outputs []string) (*wire, error) {
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ClientID("rondo-bench-load"),
		kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		return nil, fmt.Errorf("open the load's producer: %w", err)
	}
	ends, err := kadm.NewClient(producer).ListEndOffsets(ctx, outputs...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		producer.Close()
		return nil, fmt.Errorf("find the ends of %v: %w", outputs, err)
	}
	from := map[string]map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if from[o.Topic] == nil {
			from[o.Topic] = map[int32]kgo.Offset{}
		}
		from[o.Topic][o.Partition] = kgo.NewOffset().At(o.Offset)
	})
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ClientID("rondo-bench-load"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(from),
	)
	if err != nil {
		producer.Close()
		return nil, fmt.Errorf("open the load's consumer: %w", err)
	}
	return &wire{producer, consumer}, nil
}

func (w *wire) close() {
	w.producer.Close()
	w.consumer.Close()
}
