package processor_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"rondo/internal/kafkatest"
	"rondo/topology"
)

// takes sets how large the batches are that a topic takes.
func (a *app) takes(topic, bytes string) {
	a.t.Helper()
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &bytes}
	answers, err := a.admin.AlterTopicConfigs(a.t.Context(), []kadm.AlterConfig{change}, a.topic(topic))
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		a.t.Fatalf("set max.message.bytes of %s: %v", topic, err)
	}
}

// What a topic takes is its own affair, and may change while nodes run: who raises it
// retries, and need not start a node again.
func TestWhatWasTooLargeIsSentOnceItsTopicTakesIt(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		t.Run("a record that is replayed", func(t *testing.T) {
			a := newApp(t, cluster, wordy)
			out := a.startTight()
			a.produce("in", "large", say("large", 30_000))
			if letter := a.follow("dead-letters").next(1)[0]; header(letter, "__rondo.errors.exception") != "too-large" {
				t.Fatalf("dead letter: %s", describe(letter))
			}
			a.takes("out", "100000")
			a.produce("in", "large", say("large", 30_000))
			a.saidLarge(out)
			a.follow("dead-letters").next(1)
		})
		t.Run("a timer that is retried", func(t *testing.T) {
			a := newApp(t, cluster, delayed)
			out := a.startTight()
			a.produce("in", "large", say("large", 30_000))
			a.await("an incident", func() bool { return strings.Contains(a.logs.tail(1<<20), "kind=limit.record") })
			a.takes("out", "100000")
			a.act("wordy", "large", topology.Act{Kind: topology.ActRetry, Principal: "test"})
			a.saidLarge(out)
		})
	})
}

// startTight starts a node that has written to a topic which takes 10,000 bytes.
func (a *app) startTight() *follower {
	a.t.Helper()
	a.cluster.CreateTopic(a.t, a.topic("out"), 1, "max.message.bytes", "10000")
	a.create(nil)
	a.ready(a.node())
	out := a.follow("out")
	a.produce("in", "small", say("small", 10))
	out.next(1)
	return out
}

func (a *app) saidLarge(out *follower) {
	a.t.Helper()
	if said := out.next(1)[0]; header(said, "rondo-key") != "large" || len(said.Value) < 30_000 {
		a.t.Errorf("said: %s", describe(said))
	}
}
