package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo/examples/checkout"
	"rondo/internal/demo/nodes"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
)

// Outcome is what is left of a run.
type Outcome struct {
	Report *verdict.Report
	// Home is the folder with the nodes' logs and data; "" if it was removed,
	// as it is when the report is clean.
	Home string
}

// Run performs the demo and returns its verdict. An error means that there is
// none: something could not be started, broke, or ctx ended. The outcome names
// the folder that was kept in this case too.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	began := time.Now()
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Outcome{}, err
	}
	home, err := makeHome()
	if err != nil {
		return Outcome{}, err
	}
	report, err := perform(ctx, cfg, home, began)
	if err == nil && report.Clean() || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		if rerr := os.RemoveAll(home); rerr != nil {
			return Outcome{report, home}, fmt.Errorf("remove the demo's folder: %w", rerr)
		}
		home = ""
	}
	return Outcome{report, home}, err
}

func perform(ctx context.Context, cfg Config, home string, began time.Time) (*verdict.Report, error) {
	p := &play{cfg: cfg, home: home, began: began}
	stopShowing := p.show(ctx)
	defer stopShowing()
	p.enter(starting)
	c, err := openCluster(ctx, cfg.Brokers, filepath.Join(home, "broker"))
	if err != nil {
		return nil, err
	}
	defer c.close()
	p.cluster = c
	if err := p.setUp(ctx); err != nil {
		return nil, err
	}
	defer p.watch.Close()
	if err := p.act(ctx); err != nil {
		return nil, err
	}
	p.enter(judging)
	return p.judge(ctx)
}

// setUp does all that is done before anything runs.
func (p *play) setUp(ctx context.Context) error {
	c := p.cluster
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.refuseBusy(ctx); err != nil {
		return err
	}
	start, err := verdict.Mark(ctx, c.admin, topics())
	if err != nil {
		return err
	}
	p.scope = verdict.Scope{Run: c.runID(p.cfg.Seed), Group: app, Topics: topics(), Start: start}
	p.fleet, err = nodes.NewFleet(p.cfg.Executable, p.cfg.NodeArgs, p.home, p.cfg.Nodes, nodes.Settings{
		App: app, Brokers: c.brokers, Partitions: partitions, Replication: c.replication, SessionTimeout: sessionTimeout,
	})
	if err != nil {
		return err
	}
	p.watch, err = observer.New(c.brokers, p.scope)
	return err
}

// act runs nodes, services and orders to the end. Whatever it started has ended
// when it returns.
func (p *play) act(ctx context.Context) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer func() {
		err = errors.Join(err, p.fleet.Stop())
		if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
			err = cause
		}
	}()
	if err := p.startNodes(ctx); err != nil {
		return err
	}
	cast, dismiss := context.WithCancel(context.WithoutCancel(ctx))
	defer dismiss()
	goodbye, err := p.startServices(cast, fail)
	if err != nil {
		return err
	}
	err = p.performOrders(ctx, fail)
	if err == nil {
		p.enter(stopping)
		err = p.fleet.Stop()
	}
	dismiss()
	return errors.Join(err, goodbye())
}

func (p *play) startNodes(ctx context.Context) error {
	p.enter(raising)
	if err := p.fleet.Start(); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return p.fleet.AwaitRunning(waiting)
}

// startServices runs services, shop and observer until cast ends; one that
// fails before fails the play. goodbye waits for them.
func (p *play) startServices(cast context.Context, fail context.CancelCauseFunc) (goodbye func() error, err error) {
	schemas, err := fs.Sub(checkout.Files, "schemas")
	if err != nil {
		return nil, fmt.Errorf("find the payment schemas: %w", err)
	}
	log, err := os.Create(filepath.Join(p.home, "services.log"))
	if err != nil {
		return nil, fmt.Errorf("open the services' log: %w", err)
	}
	cfg := services.Config{
		Brokers: p.cluster.brokers, Schemas: schemas, Seed: p.cfg.Seed, Group: app, Journal: p.watch,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	group := &errgroup.Group{}
	run := func(part func(context.Context) error) {
		group.Go(func() error {
			err := part(cast)
			if err != nil {
				fail(err)
			}
			return err
		})
	}
	if p.trio, err = services.New(cfg); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if p.shop, err = services.NewShop(cfg); err != nil {
		p.trio.Close()
		return nil, errors.Join(err, log.Close())
	}
	run(p.trio.Run)
	run(p.shop.Run)
	run(p.watch.Run)
	return func() error { return errors.Join(group.Wait(), log.Close()) }, nil
}

// performOrders places the orders, kills nodes meanwhile, and waits until all
// orders have ended and all late answers are read, or until it has waited long
// enough: then the verdict says what is missing.
func (p *play) performOrders(ctx context.Context, fail context.CancelCauseFunc) error {
	go p.guard(ctx, fail)
	p.enter(placing)
	chaos := make(chan error, 1)
	placed := make(chan struct{})
	go func() { chaos <- p.kill(ctx, placed) }()
	err := p.shop.Place(ctx, p.scope.Run, p.cfg.Orders, p.cfg.Rate)
	close(placed)
	if err == nil {
		p.enter(ending)
		err = p.awaitEnds(ctx)
	}
	if err != nil {
		fail(err)
	}
	if err := errors.Join(err, <-chaos); err != nil {
		return err
	}
	p.enter(settling)
	p.trio.Hurry()
	p.shop.Hurry()
	return p.awaitRead(ctx)
}

// guard fails the play when a node ends by itself.
func (p *play) guard(ctx context.Context, fail context.CancelCauseFunc) {
	select {
	case err := <-p.fleet.Failed():
		fail(err)
	case <-ctx.Done():
	}
}

// awaitEnds waits for the last orders. That some do not end is for the verdict
// to say.
func (p *play) awaitEnds(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	err := p.watch.AwaitEnded(waiting, p.cfg.Orders)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// awaitRead waits until orchestrator, services and shop have read everything.
// That something was not read is for the verdict to say.
func (p *play) awaitRead(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	readings := append(services.Readings(app), observer.Reading{Group: app, Topics: p.scope.Topics.Inputs()})
	err := observer.AwaitRead(waiting, p.cluster.brokers, p.scope.Start, readings)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// kill kills nodes until all orders are placed and enough kills were made, or
// nothing is left to disturb.
func (p *play) kill(ctx context.Context, placed <-chan struct{}) error {
	if !p.cfg.Kill {
		return nil
	}
	chaos := nodes.Chaos{
		Fleet: p.fleet, Seed: p.cfg.Seed, Patience: takeoverPatience,
		PauseMin: 1500 * time.Millisecond, PauseMax: 3500 * time.Millisecond,
		Killed: p.noteKill, Taken: p.noteTakeover,
	}
	return chaos.Run(ctx, func() bool {
		select {
		case <-placed:
			progress := p.watch.Progress()
			return p.kills() >= minKills || progress.Completed+progress.Failed >= p.cfg.Orders
		default:
			return false
		}
	})
}

// judge reads the topics and completes the report with what was measured.
func (p *play) judge(ctx context.Context) (*verdict.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, verdictPatience)
	defer cancel()
	books, err := verdict.Read(ctx, p.cluster.brokers, p.scope)
	if err != nil {
		return nil, err
	}
	report := verdict.Judge(books)
	report.Seed = p.cfg.Seed
	report.Kills = p.kills()
	report.P50, report.P99 = millis(p.watch.Latency(time.Time{}))
	if report.Kills > 0 {
		report.P50WithoutTakeovers, report.P99WithoutTakeovers = millis(p.watch.Latency(time.Time{}, p.takeoverWindows()...))
	}
	report.Seconds = time.Since(p.began).Round(time.Millisecond).Seconds()
	return report, nil
}

// millis are the quantiles in milliseconds with three decimals; nil when there
// was nothing to measure.
func millis(q observer.Quantiles) (p50, p99 *float64) {
	if q.N == 0 {
		return nil, nil
	}
	ms := func(d time.Duration) *float64 {
		v := float64(d.Microseconds()) / 1000
		return &v
	}
	return ms(q.P50), ms(q.P99)
}
