package processor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// greeter looks up who came.
const greeter = `
workflow: greeter
version: 1
messages:
  Came:  {topic: %s.in, key: event.id}
  Greet: {topic: %s.out}
tables:
  profile: {topic: %s.profiles, format: json}
start: {Came: {set: {who: "=lookup('profile', event.user)"}}}
do:
  - greet: {send: Greet, with: {id: =key, segment: "=who == null ? 'nobody' : who.segment"}}
`

func came(id, user string) string { return fmt.Sprintf(`{"type":"Came","id":%q,"user":%q}`, id, user) }

// Nothing is decided before the tables were read; from then on decisions go by
// what the table says at their time, and the history says what that was.
func TestDecisionsLookUpTablesThatAllNodesHold(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, greeter)
		a.create(map[string]int32{"profiles": 7})
		const users = 60
		put := func(user, segment string) {
			a.write(&kgo.Record{Topic: a.topic("profiles"), Partition: processor.PartitionOf([]byte(user), 7), Key: []byte(user), Value: fmt.Appendf(nil, `{"segment":%q}`, segment)})
		}
		for i := range users {
			put(fmt.Sprintf("u-%d", i), fmt.Sprint(i))
		}
		for i := range users {
			a.produce("in", fmt.Sprintf("j-%d", i), came(fmt.Sprintf("j-%d", i), fmt.Sprintf("u-%d", i)))
		}
		a.produce("in", "j-x", came("j-x", "stranger"))
		dir := t.TempDir()
		node := a.nodeIn(dir)
		a.ready(node, a.node())
		out := a.follow("out")
		for _, r := range out.next(users + 1) {
			want := strings.TrimPrefix(string(r.Key), "j-")
			if want == "x" {
				want = "nobody"
			}
			if got := field(t, r, "segment"); got != want {
				t.Errorf("%s: segment %v", describe(r), got)
			}
		}
		put("u-1", "vip")
		a.await("the change to be seen", func() bool {
			a.produce("in", "again", came("again-"+fmt.Sprint(time.Now().UnixNano()), "u-1"))
			return field(t, out.next(1)[0], "segment") == "vip"
		})
		if node.count("rondo_table_lag_records") != 0 {
			t.Error("the table has a lag")
		}
	})
}

// refuseReading lets nobody read a topic of the embedded broker until the
// returned function is called.
func (a *app) refuseReading(topic string) (release func()) {
	a.t.Helper()
	details, err := a.admin.ListTopics(a.t.Context(), a.topic(topic))
	if err != nil {
		a.t.Fatal(err)
	}
	id := details[a.topic(topic)].ID
	var refusing atomic.Bool
	refusing.Store(true)
	fake := a.cluster.Fake
	fake.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		asked := slices.ContainsFunc(r.(*kmsg.FetchRequest).Topics, func(t kmsg.FetchRequestTopic) bool { return t.TopicID == id })
		if asked && refusing.Load() {
			return nil, errors.New("not now"), true
		}
		return nil, nil, false
	})
	return func() { refusing.Store(false) }
}

// A node whose table cannot be read decides nothing, and says why.
func TestNodeWaitsForItsTable(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	a := newApp(t, cluster, greeter)
	a.create(map[string]int32{"profiles": 2})
	a.write(&kgo.Record{Topic: a.topic("profiles"), Partition: 0, Key: []byte("u-1"), Value: []byte(`{"segment":"vip"}`)})
	a.produce("in", "j-1", came("j-1", "u-1"))
	release := a.refuseReading("profiles")
	node := a.node()
	a.await("the reason to be told", func() bool {
		s := node.Status()
		return s.Live && !s.Ready && strings.Contains(s.Reason, "table profile (topic "+a.topic("profiles")+") is being read: 1 record left")
	})
	release()
	a.ready(node)
	if r := a.follow("out").next(1)[0]; field(t, r, "segment") != "vip" {
		t.Errorf("greeting: %s", describe(r))
	}
}
