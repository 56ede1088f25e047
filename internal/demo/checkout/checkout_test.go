package checkout

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
)

var topics = verdict.Topics{Inputs: Story.Inputs, Commands: Story.Commands, Ledger: ledger.Topic, DeadLetters: "clerk.dead-letters"}

// world is a broker, the services in a hurry, the shop, and an observer.
type world struct {
	t       *testing.T
	brokers []string
	scope   verdict.Scope
	cast    *story.Cast
	watch   *observer.Observer
	clerk   *clerk
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newWorld(t *testing.T, ctx context.Context, seed uint64) *world {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topics.All()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{t: t, brokers: cluster.ListenAddrs()}
	admin := w.admin()
	start, err := verdict.Mark(ctx, admin, topics)
	if err != nil {
		t.Fatal(err)
	}
	w.scope = verdict.Scope{Run: "t-", Group: "clerk", Topics: topics, Start: start}
	if w.watch, err = observer.New(w.brokers, w.scope, sign); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.watch.Close)
	schemas, err := Story.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	w.cast = hurriedCast(t, services.Config{Brokers: w.brokers, Schemas: schemas, Seed: seed, Group: "t", Journal: w.watch})
	codecs, err := newPaymentCodecs(schemas)
	if err != nil {
		t.Fatal(err)
	}
	w.clerk = newClerk(t, w.brokers, codecs)
	return w
}

func (w *world) admin() *kadm.Client {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// hurriedCast is the shop and its services with the clerk's patience instead of
// the checkout's, and with more trouble than usual.
func hurriedCast(t *testing.T, cfg services.Config) *story.Cast {
	payment, err := newPayment(cfg.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	specs := []services.Spec{newInventory(), payment, newShipping()}
	for i := range specs {
		h := &specs[i].Habits
		h.Patience, h.Pause = patience, 0
		h.Base, h.Mean, h.Most = 0, 3*time.Millisecond, 40*time.Millisecond
		h.Silent, h.Late, h.Twice = 0.3, 0.2, 0.3
	}
	cast, err := openCast(cfg, specs...)
	if err != nil {
		t.Fatal(err)
	}
	return cast
}

func (w *world) start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	for _, run := range []func(context.Context) error{w.cast.Run, w.watch.Run} {
		w.running.Go(func() {
			if err := run(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
}

// run has the clerk carry orders out to their ends and judges.
func (w *world) run(ctx context.Context, orders int) *verdict.Report {
	w.start(ctx)
	if err := w.cast.Play(ctx, w.scope.Run, orders, 500); err != nil {
		w.t.Fatal(err)
	}
	w.clerk.work(ctx, orders)
	w.cast.Hurry()
	if err := observer.AwaitRead(ctx, w.brokers, w.scope.Start, w.cast.Readings()); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
	w.running.Wait()
	w.clerk.settle(ctx)
	books, err := verdict.Read(ctx, w.brokers, w.scope)
	if err != nil {
		w.t.Fatal(err)
	}
	return Judge(books)
}

func TestEveryOrderEndsWithAnOrchestratorThatRetries(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const orders = 120
	w := newWorld(t, ctx, 7)
	r := w.run(ctx, orders)
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Cases != orders || r.Completed+r.Failed != orders || r.Noted == 0 || r.Retries == 0 {
		t.Errorf("report %+v", r)
	}
	if p := w.watch.Progress(); p.Started != orders || p.Completed != r.Completed || p.Failed != r.Failed || p.Noted == 0 {
		t.Errorf("the observer saw %+v, the verdict %d completed, %d failed", p, r.Completed, r.Failed)
	}
	if q := w.watch.Latency(time.Time{}); q.N < orders || q.P50 <= 0 || q.P99 < q.P50 {
		t.Errorf("latency %+v", q)
	}
}

func TestTheVerdictFindsWhatABrokenOrchestratorDoes(t *testing.T) {
	for flaw, want := range map[string]verdict.Code{
		"an outcome twice":       verdict.DuplicateCommand,
		"no release":             verdict.NotUndone,
		"an input decided twice": verdict.SameEffectTwice,
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			w := newWorld(t, ctx, 7)
			w.clerk.flaw = flaw
			found := 0
			for _, v := range w.run(ctx, 40).Violations {
				if v.Code == want {
					found++
				}
			}
			if found == 0 {
				t.Errorf("no violation %s", want)
			}
		})
	}
}
