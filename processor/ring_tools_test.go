package processor_test

import (
	"regexp"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// kafka-consumer-groups shows the offset that the ring has committed and what
// is left to read.
func TestOffsetsAreSeenByKafkasOwnTool(t *testing.T) {
	lab := newRingLab(t, kafkatest.Shared(t, 1))
	for range 5 {
		if err := lab.cluster.Client(t).ProduceSync(lab.ctx, &kgo.Record{Topic: lab.input, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	lab.mustCommit(lab.open(lab.ringConfig()), 2)
	lab.committedOffset() // when it can be read, its transaction is over

	shown, err := lab.cluster.Kafka.Tool(lab.ctx, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
		"--bootstrap-server", lab.cluster.Addrs[0], "--describe", "--group", lab.group)
	if err != nil {
		t.Fatal(err)
	}
	// group, topic, partition, current offset, log end offset, lag
	want := regexp.QuoteMeta(lab.group) + `\s+` + regexp.QuoteMeta(lab.input) + `\s+0\s+2\s+5\s+3\s`
	if !regexp.MustCompile(want).MatchString(shown) {
		t.Errorf("kafka-consumer-groups shows:\n%s", shown)
	}
}
