package processor_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"rondo/processor"
)

// The hashes are those of Kafka's own test (UtilsTest.testMurmur2).
func TestPartitionOfIsThatOfJava(t *testing.T) {
	const most = 1<<31 - 1
	for key, hash := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		for _, n := range []int32{1, 8, 13, most} {
			if got, want := processor.PartitionOf([]byte(key), n), (hash&most)%n; got != want {
				t.Errorf("%q of %d: partition %d, Java's is %d", key, n, got, want)
			}
		}
	}
}

func TestPartitionOfIsThatOfKgo(t *testing.T) {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("orders")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "key")
		n := rapid.IntRange(1, 1000).Draw(t, "partitions")
		if got, want := processor.PartitionOf(key, int32(n)), partitioner.Partition(&kgo.Record{Key: key}, n); int(got) != want {
			t.Errorf("partition %d, kgo's is %d", got, want)
		}
	})
}
