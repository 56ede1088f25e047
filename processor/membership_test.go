package processor

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestANodeOutOfItsGroupSaysWhy(t *testing.T) {
	var logs strings.Builder
	m := &membership{shared: &shared{clock: time.Now}, log: slog.New(slog.NewTextHandler(&logs, nil))}
	reason := func(want string) {
		t.Helper()
		if got := m.status().Reason; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
	}
	reason("waiting for the group's assignment") // the first one
	m.assigned = true
	reason("")
	m.expelled(nil)
	for range 3 { // the client tries again and again
		m.OnGroupManageError(errors.New("unable to dial: connection refused"))
	}
	reason("waiting for the group's assignment: unable to dial: connection refused")
	if n := strings.Count(logs.String(), "out of the group"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &logs)
	}
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m.shared.topics.Inbox = "app.inbox"
	m.owned = map[input]bool{}
	m.gain(client, nil)
	reason("")
	m.leaving = true
	m.OnGroupManageError(errors.New("closed"))
	if n := strings.Count(logs.String(), "out of the group"); n != 1 {
		t.Errorf("a node that leaves complains:\n%s", &logs)
	}
}

func TestACoordinatorThatDoesNotKnowATopicYetIsToldOfByItsName(t *testing.T) {
	c := &cluster{group: "shop"}
	request, response := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewPtrOffsetFetchResponse()
	asked := kmsg.NewOffsetFetchRequestGroupTopic()
	asked.Topic, asked.TopicID = "shop.orders", [16]byte{7}
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Topics = append(group.Topics, asked)
	request.Groups = append(request.Groups, group)

	partition := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	partition.Partition, partition.ErrorCode = 1, kerr.UnknownTopicID.Code
	answered := kmsg.NewOffsetFetchResponseGroupTopic()
	answered.TopicID = asked.TopicID
	answered.Partitions = append(answered.Partitions, partition)
	answer := kmsg.NewOffsetFetchResponseGroup()
	answer.Topics = append(answer.Topics, answered)
	response.Groups = append(response.Groups, answer)

	_, err := c.committedOffsets(request, response, nil)
	if want := "fetch offset of shop.orders/1 for group shop: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
}
