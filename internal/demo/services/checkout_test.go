package services

import (
	"context"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/examples/checkout"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/verdict"
)

var topics = verdict.Topics{
	Orders:      "shop.orders",
	Events:      []string{"inventory.events", "payment.events", "shipping.events"},
	Commands:    []string{"inventory.commands", "payment.commands", "shipping.commands"},
	Status:      "shop.order-status",
	Ledger:      ledger.Topic,
	DeadLetters: "clerk.dead-letters",
}

func testSchemas(t *testing.T) fs.FS {
	schemas, err := fs.Sub(checkout.Files, "schemas")
	if err != nil {
		t.Fatal(err)
	}
	return schemas
}

// world is a broker, the services in a hurry, the shop, and an observer.
type world struct {
	t       *testing.T
	brokers []string
	scope   verdict.Scope
	shop    *Shop
	trio    *Trio
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
	if w.watch, err = observer.New(w.brokers, w.scope); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.watch.Close)
	cfg := Config{Brokers: w.brokers, Schemas: testSchemas(t), Seed: seed, Group: "t", Journal: w.watch}
	w.trio = hurriedTrio(t, cfg)
	if w.shop, err = NewShop(cfg); err != nil {
		t.Fatal(err)
	}
	w.clerk = newClerk(t, w.brokers, w.shop.payments)
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

// hurriedTrio is the three services with the clerk's patience instead of the
// checkout's, and with more trouble than usual.
func hurriedTrio(t *testing.T, cfg Config) *Trio {
	payment, err := newPayment(cfg.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	trio := &Trio{}
	for _, s := range []*service{newInventory(), payment, newShipping()} {
		s.habits.patience, s.habits.pause = patience, 0
		s.habits.base, s.habits.mean, s.habits.most = 0, 3*time.Millisecond, 40*time.Millisecond
		s.habits.silent, s.habits.late, s.habits.twice = 0.3, 0.2, 0.3
		r, err := open(cfg, s)
		if err != nil {
			t.Fatal(err)
		}
		trio.services = append(trio.services, r)
	}
	return trio
}

func (w *world) start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	for _, run := range []func(context.Context) error{w.trio.Run, w.shop.Run, w.watch.Run} {
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
	if err := w.shop.Place(ctx, w.scope.Run, orders, 500); err != nil {
		w.t.Fatal(err)
	}
	w.clerk.work(ctx, orders)
	w.trio.Hurry()
	w.shop.Hurry()
	if err := observer.AwaitRead(ctx, w.brokers, w.scope.Start, Readings("t")); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
	w.running.Wait()
	w.clerk.settle(ctx)
	books, err := verdict.Read(ctx, w.brokers, w.scope)
	if err != nil {
		w.t.Fatal(err)
	}
	return verdict.Judge(books)
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
	if r.Orders != orders || r.Completed+r.Failed != orders || r.Compensated == 0 || r.Retries == 0 {
		t.Errorf("report %+v", r)
	}
	if p := w.watch.Progress(); p.Started != orders || p.Completed != r.Completed || p.Failed != r.Failed || p.Compensated == 0 {
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
