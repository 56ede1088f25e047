package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/loop"
	"rondo/internal/bench/workload"
	"rondo/internal/child"
	"rondo/topology"
)

// Run measures everything that cfg asks for.
func Run(ctx context.Context, cfg Config) (result *Result, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "rondo-bench-")
	if err != nil {
		return nil, fmt.Errorf("make the folder of the run: %w", err)
	}
	defer func() {
		if !cfg.Keep {
			err = errors.Join(err, os.RemoveAll(home))
		}
	}()
	s := &session{cfg: cfg, home: home, id: "rondo-bench-" + strconv.FormatInt(time.Now().UnixMilli(), 36), brokerPID: cfg.BrokerPID}
	brokers := cfg.Brokers
	if len(brokers) == 0 {
		broker, addresses, err := s.startBroker()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, broker.stop()) }()
		brokers, s.brokerPID = addresses, broker.pid()
	}
	if s.brokerPID == 0 && len(brokers) == 1 {
		s.brokerPID = listenerOf(brokers[0])
	}
	if err := cfg.WritePlan(cfg.Progress); err != nil {
		return nil, fmt.Errorf("print the plan: %w", err)
	}
	if s.cluster, err = openCluster(ctx, brokers); err != nil {
		return nil, err
	}
	defer s.cluster.close()
	return s.measure(ctx)
}

// startBroker starts the embedded broker and waits for its address.
func (s *session) startBroker() (*logged, []string, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	defer read.Close()
	broker, err := spawn(s.cfg.Executable, "the embedded broker", filepath.Join(s.home, "broker"), []string{"bench", "broker"}, write)
	write.Close()
	if err != nil {
		return nil, nil, err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start the embedded broker: %w:\n%s", err, child.Tail(broker.log, 12)), broker.stop())
	}
	return broker, strings.Split(strings.TrimSpace(line), ","), nil
}

// measure runs the workloads one after the other.
func (s *session) measure(ctx context.Context) (*Result, error) {
	result := &Result{
		Format: Format, At: time.Now().UTC(), Version: s.cfg.Version, Machine: thisMachine(),
		Rounds: s.cfg.Rounds,
	}
	if s.cfg.Soak > 0 {
		err := s.soakAll(ctx, result)
		if err == nil {
			result.Doubts = doubtsOf(result)
		}
		return result, err
	}
	for _, w := range s.cfg.Workloads {
		m, err := s.workload(ctx, w, result)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		result.Workloads = append(result.Workloads, m)
	}
	result.Doubts = doubtsOf(result)
	result.Goals = goalsOf(result)
	return result, nil
}

// crew is the subjects of a workload, for as long as it is measured.
type crew struct {
	subjects []subject
	learned  *lesson                     // what the loops write; nil: there are none
	last     func(context.Context) error // what is done when all is measured; nil: nothing
}

func (c *crew) add(sub subject) { c.subjects = append(c.subjects, sub) }

func (c *crew) stop() error {
	var errs []error
	for _, sub := range c.subjects {
		errs = append(errs, sub.stop())
	}
	return errors.Join(errs...)
}

// workload measures one workload on all subjects, and removes what it made.
func (s *session) workload(ctx context.Context, w *workload.Workload, result *Result) (m Measured, err error) {
	prefix := s.id + "-" + w.Name
	all := &crew{}
	defer func() {
		err = errors.Join(err, all.stop())
		if !s.cfg.Keep {
			err = errors.Join(err, s.cluster.remove(context.WithoutCancel(ctx), prefix))
		}
	}()
	if err := s.start(ctx, w, prefix, all, result); err != nil {
		return m, err
	}
	if err := s.warmUp(ctx, w, prefix, all, result); err != nil {
		return m, err
	}
	m = Measured{Workload: w.Name, Short: w.Short, Compares: w.Compares}
	if err := s.rounds(ctx, w, all.subjects, &m); err != nil {
		return m, err
	}
	if e, ok := all.subjects[0].(*engine); ok {
		if err := s.profile(ctx, e, w); err != nil {
			return m, err
		}
	}
	if all.last != nil {
		if err := all.last(ctx); err != nil {
			return m, err
		}
	}
	return m, s.inspect(ctx, w, all.subjects)
}

// start starts the subjects of a workload, the engine first.
func (s *session) start(ctx context.Context, w *workload.Workload, prefix string, all *crew, result *Result) error {
	s.say("%s: starting", w.Name)
	e, err := s.engine(ctx, w, prefix+"-engine")
	if e != nil {
		all.add(e)
	}
	if err != nil {
		return err
	}
	if result.Broker.Version == "" {
		changelog := s.cluster.config(e.app).OwnTopics().Changelog
		if result.Broker, err = s.cluster.describe(ctx, len(s.cfg.Brokers) == 0, changelog); err != nil {
			return err
		}
	}
	switch {
	case w.Sleepers:
		return s.sleepers(ctx, w, prefix, all)
	case s.cfg.Loops && w.Loops:
		return s.loops(ctx, e, w, prefix, all)
	}
	return nil
}

func (s *session) inspect(ctx context.Context, w *workload.Workload, subjects []subject) error {
	if s.cfg.Inspect == nil {
		return nil
	}
	for _, sub := range subjects {
		if err := s.cfg.Inspect(ctx, w, sub.name(), sub.prefix(), s.cluster.brokers); err != nil {
			return err
		}
	}
	return nil
}

// loops has the engine show what it writes, and starts the bare loops on topics
// of their own.
func (s *session) loops(ctx context.Context, e *engine, w *workload.Workload, prefix string, all *crew) error {
	s.say("%s: learning what the engine writes", w.Name)
	if err := s.sound(ctx, e, w, s.nextTag(), load.Phase{Name: "learning", Concurrency: 2, Cases: 100}); err != nil {
		return err
	}
	learned, err := s.learn(ctx, e, w)
	if err != nil {
		return err
	}
	all.learned = &learned
	for _, kind := range []loop.Kind{loop.Ring, loop.Session} {
		b, err := s.loop(ctx, w, prefix+"-"+string(kind), learned, kind, 1)
		if b != nil {
			all.add(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loop makes a loop's topics and starts it, with so many rings. If it does not
// work, the loop is returned as well.
func (s *session) loop(ctx context.Context, w *workload.Workload, prefix string, learned lesson, kind loop.Kind, rings int) (*bare, error) {
	definitions, err := s.definitions(w, prefix)
	if err != nil {
		return nil, err
	}
	if err := s.cluster.createTopics(ctx, prefix, definitions); err != nil {
		return nil, err
	}
	return s.startLoop(ctx, kind, prefix, w.Inputs, learned, rings)
}

// definitions are those of a workload whose topics have a prefix.
func (s *session) definitions(w *workload.Workload, prefix string) ([]*topology.Definition, error) {
	files, err := w.Files(prefix)
	if err != nil {
		return nil, err
	}
	return application{prefix: prefix, definitions: []string{w.Definition}, files: files}.parse()
}

// engine starts the engine on a workload and waits until it works.
func (s *session) engine(ctx context.Context, w *workload.Workload, prefix string) (*engine, error) {
	files, err := w.Files(prefix)
	if err != nil {
		return nil, err
	}
	app := application{prefix: prefix, definitions: []string{w.Definition}, files: files}
	return s.startApplication(ctx, app, engineName)
}

// startApplication starts an engine, under a name, and waits until it works. If
// it does not, the engine is returned as well.
func (s *session) startApplication(ctx context.Context, app application, called string) (*engine, error) {
	definitions, err := app.parse()
	if err != nil {
		return nil, err
	}
	if err := s.cluster.createTopics(ctx, app.prefix, definitions); err != nil {
		return nil, err
	}
	e, err := startEngine(s.cfg, s.cluster, called, filepath.Join(s.home, app.prefix), app)
	if err != nil {
		return nil, err
	}
	return e, started(ctx, e, e.probe)
}

// rounds measures the subjects in turn, so that what drifts hits all alike.
func (s *session) rounds(ctx context.Context, w *workload.Workload, subjects []subject, m *Measured) error {
	for _, p := range s.cfg.phasesOf(w, engineName) {
		phase := Phase{Name: p.Name, Concurrency: p.Concurrency, Rate: p.Rate}
		for _, sub := range subjects {
			phase.Subjects = append(phase.Subjects, Of{Subject: sub.name()})
		}
		m.Phases = append(m.Phases, phase)
	}
	for n := range s.cfg.Rounds {
		for i, sub := range subjects {
			s.say("%s: round %d of %d, %s", w.Name, n+1, s.cfg.Rounds, sub.name())
			rounds, err := s.round(ctx, sub, w, s.cfg.phasesOf(w, sub.name()))
			if err != nil {
				return err
			}
			for p := range rounds {
				of := &m.Phases[p].Subjects[i]
				of.Rounds = append(of.Rounds, rounds[p])
			}
		}
	}
	return nil
}

// say tells of progress. That nobody can read it is no reason to stop.
func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.cfg.Progress, format+"\n", args...)
}
