package killtest

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

const (
	appName        = "ledger"
	partitions     = 6
	sessionTimeout = 2 * time.Second
)

// faults is how often nodes are killed and frozen; RONDO_KILLS and
// RONDO_FREEZES ask for more.
func faults(t *testing.T) (kills, freezes int) {
	return number(t, "RONDO_KILLS", 22), number(t, "RONDO_FREEZES", 6)
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Two nodes work under load while one after the other is killed in the middle
// of it, or frozen until the group has given its partitions away and then
// thawed. The topics must show the effect of each input exactly once, in order
// per key.
func TestEveryInputTakesEffectOnceWhileNodesDieAndFreeze(t *testing.T) {
	if testing.Short() {
		kafkatest.LeaveOut(t, "it takes minutes, and -short was given; `make test` runs it")
	}
	cluster := kafkatest.Start(t, 1)
	for _, topic := range []string{"entries", "booked", "reminders", "reminded", "given-up"} {
		cluster.CreateTopic(t, topic, partitions)
	}
	binary := buildBinary(t)
	nodes := []*node{newNode(t, "node-1", binary, appName, cluster.Addrs), newNode(t, "node-2", binary, appName, cluster.Addrs)}
	applyTopics(t, nodes[0])
	for _, n := range nodes {
		n.start(t)
	}
	await(t, time.Minute, "all partitions to run", func() bool { return running(nodes) == partitions })

	w := &world{client: cluster.Client(t, kgo.ProducerLinger(0)), rate: 300}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loops, answering sync.WaitGroup
	loops.Go(func() { w.write(ctx) })
	answers, stopAnswers := context.WithCancel(t.Context())
	defer stopAnswers()
	answering.Go(func() {
		if err := w.answer(answers, cluster); err != nil {
			t.Error(err)
		}
	})

	wreak(t, nodes)
	stop()
	loops.Wait()
	entries := w.settled(t)
	await(t, 2*time.Minute, "all partitions to run again", func() bool { return running(nodes) == partitions })
	await(t, 2*time.Minute, "the backlog to be decided", func() bool { return lag(t, cluster) == 0 && ended(t, cluster) >= tenths(entries) })
	stopAnswers()
	answering.Wait()
	leave(t, nodes)

	t.Logf("%d entries", len(entries))
	wrong := verify(t, cluster, entries)
	for i, text := range wrong {
		if i == 20 {
			t.Errorf("… and %d more", len(wrong)-i)
			break
		}
		t.Error(text)
	}
}

// wreak kills and freezes nodes in random order, always one of the two, and
// waits for the takeover before the next.
func wreak(t *testing.T, nodes []*node) {
	t.Helper()
	kills, freezes := faults(t)
	for done := 0; kills+freezes > 0; done++ {
		n := nodes[rand.IntN(len(nodes))]
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		if rand.IntN(kills+freezes) < kills {
			kills--
			n.kill()
			time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
			n.start(t)
		} else {
			freezes--
			n.signal(t, syscall.SIGSTOP)
			time.Sleep(sessionTimeout + time.Duration(500+rand.IntN(1500))*time.Millisecond)
			n.signal(t, syscall.SIGCONT)
		}
		await(t, time.Minute, "the takeover", func() bool { return running(nodes) == partitions })
	}
}

// leave ends the nodes as an operator would: with SIGTERM. The first one hands
// its partitions over at once, not when its session has timed out.
func leave(t *testing.T, nodes []*node) {
	t.Helper()
	began := time.Now()
	nodes[0].terminate(t)
	await(t, time.Minute, "the other node to run all partitions", func() bool { return nodes[1].running() == partitions })
	t.Logf("handed over after %s", time.Since(began).Round(time.Millisecond))
	nodes[1].terminate(t)
}

func running(nodes []*node) int {
	sum := 0
	for _, n := range nodes {
		sum += n.running()
	}
	return sum
}

func await(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited %s for %s", limit, what)
}

func applyTopics(t *testing.T, n *node) {
	t.Helper()
	run(t, n.binary, "topics", "apply", "--config", n.config, "--yes")
}

// lag is what the group has not decided of its inputs, as tools show it.
func lag(t *testing.T, cluster *kafkatest.Cluster) int64 {
	t.Helper()
	lags, err := kadm.NewClient(cluster.Client(t)).Lag(t.Context(), appName)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, l := range lags[appName].Lag.Sorted() {
		sum += max(l.Lag, 0)
	}
	return sum
}

func ended(t *testing.T, cluster *kafkatest.Cluster) int {
	return len(readAll(t, cluster, "given-up"))
}

func tenths(entries []written) int {
	n := 0
	for _, e := range entries {
		if e.seq%10 == 0 {
			n++
		}
	}
	return n
}
