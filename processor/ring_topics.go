package processor

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicIDs knows Kafka's ids of the input topics. A ring asks once for each:
// the offsets of a topic that was deleted and created again are refused by the
// broker, and the lane begins anew.
type topicIDs struct {
	client *kgo.Client
	known  map[string]kadm.TopicID
}

func newTopicIDs(client *kgo.Client) *topicIDs {
	return &topicIDs{client: client, known: make(map[string]kadm.TopicID)}
}

// of returns the ids of at least the topics that offsets name.
func (t *topicIDs) of(ctx context.Context, offsets Offsets) (map[string]kadm.TopicID, error) {
	req := kmsg.NewPtrMetadataRequest()
	for topic := range offsets {
		if _, ok := t.known[topic]; !ok {
			rt := kmsg.NewMetadataRequestTopic()
			rt.Topic = kmsg.StringPtr(topic)
			req.Topics = append(req.Topics, rt)
		}
	}
	if len(req.Topics) == 0 {
		return t.known, nil
	}
	return t.known, t.ask(ctx, req)
}

func (t *topicIDs) ask(ctx context.Context, req *kmsg.MetadataRequest) error {
	resp, err := req.RequestWith(ctx, t.client)
	if err != nil {
		return fmt.Errorf("look up the ids of input topics: %w", err)
	}
	for _, rt := range resp.Topics {
		if err := kerr.ErrorForCode(rt.ErrorCode); err != nil {
			return fmt.Errorf("look up the id of topic %s: %w", *rt.Topic, err)
		}
		if rt.TopicID == (kadm.TopicID{}) {
			return fmt.Errorf("look up the id of topic %s: the broker gives none; Kafka 4.0 or newer is needed", *rt.Topic)
		}
		t.known[*rt.Topic] = rt.TopicID
	}
	return nil
}
