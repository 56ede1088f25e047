package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo/internal/demo/nodes"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
)

// Outcome is what is left of a run.
type Outcome struct {
	Report *verdict.Report
	// Home is the folder with the nodes' logs and data; "" if it was removed,
	// as it is when the report is clean, or nothing began.
	Home string
}

// Run performs the demo and returns its verdict. An error means that there is
// none: something could not be started, broke, or ctx ended. The outcome names
// the folder that was kept in this case too.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	began := time.Now()
	cfg, err := cfg.WithDefaults()
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
	if err != nil && os.Remove(home) == nil { // it is empty: nothing began
		home = ""
	}
	return Outcome{report, home}, err
}

func perform(ctx context.Context, cfg Config, home string, began time.Time) (*verdict.Report, error) {
	p := &play{cfg: cfg, home: home, began: began}
	stopShowing := p.show(ctx)
	defer stopShowing()
	p.enter(starting)
	c, err := openCluster(ctx, cfg.Story, cfg.Brokers, filepath.Join(home, "broker"))
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
	topics := topicsOf(c.story)
	start, err := verdict.Mark(ctx, c.admin, topics)
	if err != nil {
		return err
	}
	p.scope = verdict.Scope{Run: c.runID(p.cfg.Seed), Group: c.app, Topics: topics, Start: start}
	p.fleet, err = nodes.NewFleet(p.cfg.Executable, p.cfg.NodeArgs, p.home, p.cfg.Nodes, nodes.Settings{
		App: c.app, Brokers: c.brokers, Partitions: partitions, Replication: c.replication, SessionTimeout: sessionTimeout,
	})
	if err != nil {
		return err
	}
	p.watch, err = observer.New(c.brokers, p.scope, c.story.Legend())
	return err
}

// act runs nodes, services and load to the end. Whatever it started has ended
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
	performing, dismiss := context.WithCancel(context.WithoutCancel(ctx))
	defer dismiss()
	goodbye, err := p.startServices(performing, fail)
	if err != nil {
		return err
	}
	err = p.perform(ctx, fail)
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

// startServices runs cast and observer until performing ends; one that fails
// before fails the play. goodbye waits for them.
func (p *play) startServices(performing context.Context, fail context.CancelCauseFunc) (goodbye func() error, err error) {
	schemas, err := p.cfg.Story.Schemas()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(p.home, "services.log"))
	if err != nil {
		return nil, fmt.Errorf("open the services' log: %w", err)
	}
	p.cast, err = p.cfg.Story.Open(services.Config{
		Brokers: p.cluster.brokers, Schemas: schemas, Seed: p.cfg.Seed, Group: p.cluster.app, Journal: p.watch,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	group := &errgroup.Group{}
	for _, part := range []func(context.Context) error{p.cast.Run, p.watch.Run} {
		group.Go(func() error {
			err := part(performing)
			if err != nil {
				fail(err)
			}
			return err
		})
	}
	return func() error { return errors.Join(group.Wait(), log.Close()) }, nil
}

// perform puts the load on, kills nodes meanwhile, and waits until all cases
// have ended and all late answers are read, or until it has waited long enough:
// then the verdict says what is missing.
func (p *play) perform(ctx context.Context, fail context.CancelCauseFunc) error {
	go p.guard(ctx, fail)
	if p.cast.Prepare != nil {
		if err := p.cast.Prepare(ctx, p.scope.Run); err != nil {
			fail(err)
			return err
		}
	}
	p.enter(scene(p.cfg.Story.Load.Scene))
	chaos := make(chan error, 1)
	placed := make(chan struct{})
	go func() { chaos <- p.kill(ctx, placed) }()
	err := p.cast.Play(ctx, p.scope.Run, p.cfg.Count, p.cfg.Rate)
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
	p.cast.Hurry()
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

// awaitEnds waits for the last cases. That some do not end is for the verdict
// to say.
func (p *play) awaitEnds(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	err := p.watch.AwaitEnded(waiting, p.cfg.cases())
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// awaitRead waits until orchestrator and services have read everything.
// That something was not read is for the verdict to say.
func (p *play) awaitRead(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	readings := append(p.cast.Readings(), observer.Reading{Group: p.scope.Group, Topics: p.scope.Topics.Read()})
	err := observer.AwaitRead(waiting, p.cluster.brokers, p.scope.Start, readings)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// kill kills nodes until the load is on and enough kills were made, or
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
			return p.kills() >= minKills || p.watch.Progress().Ended() >= p.cfg.cases()
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
	report := p.cfg.Story.Judge(books)
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
