package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

// Soak is what became of the engine's memory under a load that stayed the same.
type Soak struct {
	Workload       string         `json:"workload"`
	StepsPerSecond float64        `json:"stepsPerSecond"`
	Seconds        float64        `json:"seconds"`
	RSS            Trend          `json:"rss"`
	Heap           Trend          `json:"heap"`
	Samples        []MemorySample `json:"samples"`
	Grows          bool           `json:"grows"`
	Wrong          int64          `json:"wrong"`
}

// MemorySample is the engine's memory at a time since the load began.
type MemorySample struct {
	Seconds   float64 `json:"seconds"`
	RSSBytes  float64 `json:"rssBytes"`
	HeapBytes float64 `json:"heapBytes"`
}

// Trend is a straight line through samples, after the engine had filled what it
// keeps for its work.
type Trend struct {
	MeanBytes      float64 `json:"meanBytes"`
	BytesPerMinute float64 `json:"bytesPerMinute"`
	Growth         float64 `json:"growth"` // over the time that was looked at, to the mean
}

const (
	soakRate = 1000 // steps per second
	// settleShare of the time is left to the engine to fill its caches.
	settleShare = 0.3
	// growthMost is what a line through noise may rise by.
	growthMost = 0.05
	soakSample = 5 * time.Second
)

// soakAll soaks the first workload's engine.
func (s *session) soakAll(ctx context.Context, result *Result) (err error) {
	w := s.cfg.Workloads[0]
	prefix := s.id + "-" + w.Name
	defer func() {
		if !s.cfg.Keep {
			err = errors.Join(err, s.cluster.remove(context.WithoutCancel(ctx), prefix))
		}
	}()
	result.Soak, err = s.soak(ctx, w, prefix+"-engine", result)
	return err
}

// soak keeps a load on the engine and watches its memory.
func (s *session) soak(ctx context.Context, w *workload.Workload, prefix string, result *Result) (soak *Soak, err error) {
	e, err := s.engine(ctx, w, prefix)
	if e != nil {
		defer func() { err = errors.Join(err, e.stop()) }()
	}
	if err != nil {
		return nil, err
	}
	changelog := s.cluster.config(e.app).OwnTopics().Changelog
	if result.Broker, err = s.cluster.describe(ctx, len(s.cfg.Brokers) == 0, changelog); err != nil {
		return nil, err
	}
	s.say("%s: %.0f steps/s for %s", w.Name, float64(soakRate), s.cfg.Soak)
	soak = &Soak{Workload: w.Name, StepsPerSecond: soakRate, Seconds: s.cfg.Soak.Seconds()}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() {
		var err error
		soak.Samples, err = s.watchMemory(watching, e)
		watched <- err
	}()
	rounds, err := s.round(ctx, e, w, []load.Phase{{Name: "soak", Rate: soakRate / float64(w.Steps), Measure: s.cfg.Soak}})
	stop()
	if err = errors.Join(err, <-watched); err != nil {
		return nil, err
	}
	soak.Wrong = rounds[0].Wrong
	soak.judge()
	return soak, nil
}

// watchMemory takes samples until ctx ends.
func (s *session) watchMemory(ctx context.Context, e *engine) ([]MemorySample, error) {
	var samples []MemorySample
	began := time.Now()
	ticker := time.NewTicker(min(soakSample, s.cfg.Soak/20))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples, nil
		case <-ticker.C:
		}
		u, err := e.usage(ctx)
		if ctx.Err() != nil {
			return samples, nil
		}
		if err != nil {
			return samples, err
		}
		samples = append(samples, MemorySample{time.Since(began).Seconds(), u.rssBytes, u.heapBytes})
	}
}

// judge puts lines through the samples.
func (s *Soak) judge() {
	var settled []MemorySample
	for _, m := range s.Samples {
		if m.Seconds >= settleShare*s.Seconds {
			settled = append(settled, m)
		}
	}
	s.RSS = trendOf(settled, func(m MemorySample) float64 { return m.RSSBytes })
	s.Heap = trendOf(settled, func(m MemorySample) float64 { return m.HeapBytes })
	s.Grows = s.RSS.Growth > growthMost || s.Heap.Growth > growthMost
}

// trendOf is the line of least squares.
func trendOf(samples []MemorySample, of func(MemorySample) float64) Trend {
	n := float64(len(samples))
	if n < 2 {
		return Trend{}
	}
	var meanX, meanY, above, below float64
	for _, m := range samples {
		meanX += m.Seconds / n
		meanY += of(m) / n
	}
	for _, m := range samples {
		above += (m.Seconds - meanX) * (of(m) - meanY)
		below += (m.Seconds - meanX) * (m.Seconds - meanX)
	}
	perSecond := above / below
	if math.IsNaN(perSecond) {
		return Trend{MeanBytes: meanY}
	}
	lasted := samples[len(samples)-1].Seconds - samples[0].Seconds
	return Trend{MeanBytes: meanY, BytesPerMinute: 60 * perSecond, Growth: perSecond * lasted / meanY}
}

// soakLeast is from when on a line through the samples says something: before,
// the engine still fills its caches.
const soakLeast = 5 * time.Minute

// doubts are those about the memory's trend.
func (s *Soak) doubts() []Doubt {
	var all []Doubt
	if s.Wrong > 0 {
		all = append(all, Doubt{What: "WRONG: records or cases are not as they must be", How: fmt.Sprint(s.Wrong)})
	}
	if s.Seconds < soakLeast.Seconds() {
		all = append(all, Doubt{What: "the load lasted too short for the memory's trend: the engine still fills its caches", How: fmt.Sprintf("%.0f s", s.Seconds)})
	}
	return all
}

func (s *Soak) String() string {
	verdict := "does not grow"
	if s.Grows {
		verdict = "GROWS"
	}
	return fmt.Sprintf("memory at %.0f steps/s over %s %s: RSS %.0f MB, %+.2f MB/min; Go heap %.0f MB, %+.2f MB/min",
		s.StepsPerSecond, time.Duration(s.Seconds*float64(time.Second)), verdict,
		s.RSS.MeanBytes/(1<<20), s.RSS.BytesPerMinute/(1<<20), s.Heap.MeanBytes/(1<<20), s.Heap.BytesPerMinute/(1<<20))
}
