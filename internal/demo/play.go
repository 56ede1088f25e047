package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rondo/internal/demo/nodes"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
	"rondo/internal/demo/view"
	"rondo/topology/diag"
)

// scene is what a play is doing.
type scene string

const (
	starting scene = "getting ready"
	raising  scene = "nodes start"
	ending   scene = "the last ones end"
	settling scene = "the last answers are read"
	stopping scene = "nodes leave"
	judging  scene = "the topics are read for the verdict"
)

// play is one run of the demo.
type play struct {
	cfg   Config
	home  string
	began time.Time

	// Set by setUp and act, before the first scene that uses them.
	cluster *cluster
	scope   verdict.Scope
	watch   *observer.Observer
	fleet   *nodes.Fleet
	cast    *story.Cast

	mu        sync.Mutex // guards what follows
	scene     scene
	struck    time.Time // when the node that is being made up for was killed; zero: none is
	struckOne int       // which node that is
	killed    int
	takeovers []nodes.Takeover
}

func (p *play) enter(s scene) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scene = s
}

func (p *play) noteKill(node int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed++
	p.struck, p.struckOne = at, node
}

func (p *play) noteTakeover(t nodes.Takeover) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeovers = append(p.takeovers, t)
	p.struck, p.struckOne = time.Time{}, 0
}

func (p *play) kills() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// takeoverWindows are the spans from each kill until all partitions ran again;
// a kill that was not made up for lasts until now.
func (p *play) takeoverWindows() []observer.Window {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []observer.Window
	for _, t := range p.takeovers {
		out = append(out, observer.Window{From: t.Killed, To: t.Running})
	}
	if !p.struck.IsZero() {
		out = append(out, observer.Window{From: p.struck, To: time.Now()})
	}
	return out
}

// drawEvery is how often the view is drawn anew.
const drawEvery = 250 * time.Millisecond

// show draws the play until the returned function is called, which returns
// after the last drawing.
func (p *play) show(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var panel view.Panel = view.NewPlain(p.cfg.Progress)
	if p.cfg.Width != nil {
		panel = view.NewLive(p.cfg.Progress, p.title(), p.cfg.Width)
	}
	var drawing sync.WaitGroup
	drawing.Go(func() {
		defer panel.Close()
		ticker := time.NewTicker(drawEvery)
		defer ticker.Stop()
		var rates rates
		for {
			select {
			case <-ticker.C:
				panel.Draw(p.state(ctx, &rates))
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		drawing.Wait()
	}
}

func (p *play) title() string {
	where := "embedded broker"
	if len(p.cfg.Brokers) > 0 {
		where = "Kafka at " + p.cfg.Brokers[0]
	}
	return fmt.Sprintf("rondo demo: %s on %s, %s, seed %d", p.cfg.Story.Name(), diag.Count(p.cfg.Nodes, "node"), where, p.cfg.Seed)
}

// state is what is to be shown now.
func (p *play) state(ctx context.Context, rates *rates) view.State {
	p.mu.Lock()
	s := view.State{
		Elapsed: time.Since(p.began), Stage: string(p.scene), Words: p.cfg.Story.Words, Cases: p.cfg.cases(),
		Nodes: p.cfg.Nodes, Partitions: partitions, Kills: p.killed,
	}
	if !p.struck.IsZero() {
		s.Killed, s.KilledAgo = p.struckOne, time.Since(p.struck)
	}
	now := p.scene
	p.mu.Unlock()
	if now == starting {
		return s
	}
	if now != judging {
		r := p.fleet.Readiness(ctx)
		s.NodesReady, s.Running = r.Ready, r.Running
		s.DecisionsPerSecond, s.CommitsPerSecond = rates.note(time.Now(), p.fleet.Counts(ctx))
	}
	s.Progress = p.watch.Progress()
	s.Latency = p.watch.Latency(time.Now().Add(-view.LatencyOver))
	s.Last = p.watch.Last(10)
	return s
}

// ratesOver is the span of time over which rates are taken.
const ratesOver = 3 * time.Second

// rates makes rates of counters.
type rates struct {
	looks []look // oldest first, the first at least ratesOver ago once there are enough
}

type look struct {
	at     time.Time
	counts nodes.Counts
}

// note takes a look at the counters and returns their rates per second.
func (r *rates) note(at time.Time, c nodes.Counts) (decisions, commits float64) {
	r.looks = append(r.looks, look{at, c})
	for len(r.looks) > 2 && at.Sub(r.looks[1].at) >= ratesOver {
		r.looks = r.looks[1:]
	}
	first := r.looks[0]
	seconds := at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return (c.Decisions - first.counts.Decisions) / seconds, (c.Commits - first.counts.Commits) / seconds
}
