package processor

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"rondo/topology/diag"
)

// membership is the node's place in the consumer group. Its client only keeps
// the membership; records are fetched by the fetcher. A lane runs for every
// state partition whose inbox partition is assigned.
//
// The callbacks of the client are the only place where lanes start and stop,
// and where a lane gets the identity under which it commits. That identity is
// never taken from the client at another time: a zombie that has rejoined would
// pass with it.
type membership struct {
	ctx    context.Context
	shared *shared
	client *kgo.Client
	log    *slog.Logger

	// Touched by the node's loop only.
	subscribed []string
	missing    map[string]bool // topics of definitions that cannot be read, as was logged

	mu       sync.Mutex // guards what follows; never held while a lane stops
	owned    map[input]bool
	lanes    map[int32]*runningLane
	assigned bool   // a member of the group
	apart    string // why it is none, as the client has found out; "" if it has not
	leaving  bool
}

type runningLane struct {
	*lane
	cut     context.CancelFunc
	started time.Time
}

// joinGroup begins the membership. Partitions come by callbacks, soon after.
func joinGroup(ctx context.Context, s *shared) (*membership, error) {
	m := &membership{
		ctx:     ctx,
		shared:  s,
		log:     s.config.Log,
		owned:   make(map[input]bool),
		lanes:   make(map[int32]*runningLane),
		missing: make(map[string]bool),
	}
	m.subscribed = m.readable(ctx, s.catalog.Sources())
	topics := append([]string{s.topics.Inbox}, m.subscribed...)
	client, err := s.newClient(
		kgo.ConsumerGroup(s.config.App),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(newBalancer(s.topics.Inbox)),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.SessionTimeout(s.config.SessionTimeout),
		kgo.RebalanceTimeout(max(s.config.SessionTimeout, 3*stopGrace)),
		kgo.HeartbeatInterval(min(heartbeatInterval, s.config.SessionTimeout/3)),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.WithHooks(m),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, added map[string][]int32) { m.gain(client, added) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { m.lose(gone) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { m.expelled(gone) }),
	)
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", s.config.App, err)
	}
	client.PauseFetchTopics(topics...)
	m.mu.Lock()
	m.client = client
	m.mu.Unlock()
	return m, nil
}

// gain starts lanes for what was assigned, and confirms those that stay under
// the new generation. It is called after every rebalance, also with nothing new.
func (m *membership) gain(client *kgo.Client, added map[string][]int32) {
	id, generation := client.GroupMetadata()
	member := Member{ID: id, Generation: generation}
	m.mu.Lock()
	m.assigned, m.apart = true, ""
	for topic, partitions := range added {
		for _, p := range partitions {
			m.owned[input{topic, p}] = true
		}
	}
	changed := m.changedLanes()
	m.mu.Unlock()

	m.stop(changed)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.lanes {
		l.confirm(member)
	}
	m.startMissing(member)
}

// lose stops the lanes of what was taken away before it returns: only then may
// the group give it to another member.
func (m *membership) lose(gone map[string][]int32) {
	m.mu.Lock()
	for topic, partitions := range gone {
		for _, p := range partitions {
			delete(m.owned, input{topic, p})
		}
	}
	changed := m.changedLanes()
	m.mu.Unlock()
	m.stop(changed)
}

// expelled is told when the place in the group is lost: the session timed out,
// or no coordinator answers.
func (m *membership) expelled(gone map[string][]int32) {
	m.mu.Lock()
	m.assigned = false
	m.mu.Unlock()
	m.lose(gone)
}

// OnGroupManageError is told by the client why the place in the group is lost, or
// could not be had: no coordinator answers, the session timed out. It tries again
// by itself, which is logged once.
func (m *membership) OnGroupManageError(err error) {
	m.mu.Lock()
	known, leaving := m.apart != "", m.leaving
	m.apart = err.Error()
	m.mu.Unlock()
	if !known && !leaving {
		m.log.Warn("out of the group; it is joined again as soon as that is possible", "reason", err.Error())
	}
}

// changedLanes returns the running lanes whose inputs are no longer what is
// owned. Callers hold mu.
func (m *membership) changedLanes() []*runningLane {
	var changed []*runningLane
	for p, l := range m.lanes {
		if !slices.Equal(l.inputs, m.inputsOf(p)) {
			changed = append(changed, l)
		}
	}
	return changed
}

// inputsOf returns what the lane of a state partition reads: nothing unless
// its inbox is owned. Callers hold mu.
func (m *membership) inputsOf(partition int32) []input {
	inbox := input{m.shared.topics.Inbox, partition}
	if !m.owned[inbox] {
		return nil
	}
	var inputs []input
	for in := range m.owned {
		if in.partition%int32(m.shared.config.Partitions) == partition {
			inputs = append(inputs, in)
		}
	}
	slices.SortFunc(inputs, compareInputs)
	return inputs
}

// startMissing starts a lane for every owned inbox partition without one.
// Callers hold mu.
func (m *membership) startMissing(member Member) {
	if m.leaving {
		return
	}
	for in := range m.owned {
		if in.topic != m.shared.topics.Inbox || m.lanes[in.partition] != nil {
			continue
		}
		ctx, cut := context.WithCancel(m.ctx)
		l := &runningLane{
			lane:    newLane(m.shared, in.partition, m.inputsOf(in.partition), member),
			cut:     cut,
			started: time.Now(),
		}
		m.lanes[in.partition] = l
		go l.run(ctx)
	}
}

// stop ends lanes, side by side, and forgets them.
func (m *membership) stop(lanes []*runningLane) {
	var stopping sync.WaitGroup
	for _, l := range lanes {
		stopping.Go(func() {
			l.lane.stop(stopGrace, l.cut)
			l.cut()
		})
	}
	stopping.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lanes {
		if m.lanes[l.partition] == l {
			delete(m.lanes, l.partition)
		}
	}
}

// subscribe adds the topics of new definitions, once they exist.
func (m *membership) subscribe(ctx context.Context, sources []string) {
	var fresh []string
	for _, topic := range sources {
		if !slices.Contains(m.subscribed, topic) {
			fresh = append(fresh, topic)
		}
	}
	if fresh = m.readable(ctx, fresh); len(fresh) == 0 {
		return
	}
	m.log.Info("reading new topics", "topics", fresh)
	m.subscribed = append(m.subscribed, fresh...)
	m.client.PauseFetchTopics(fresh...)
	m.client.AddConsumeTopics(fresh...)
}

// readable returns the topics that exist; the others are asked for again.
func (m *membership) readable(ctx context.Context, topics []string) []string {
	var out []string
	for _, topic := range topics {
		if _, err := m.shared.cluster.topic(ctx, topic); err != nil {
			if !m.missing[topic] && ctx.Err() == nil {
				m.log.Warn("a definition reads a topic that cannot be read", "topic", topic, "error", err.Error())
			}
			m.missing[topic] = true
			continue
		}
		delete(m.missing, topic)
		out = append(out, topic)
	}
	return out
}

// leave stops all lanes and leaves the group, so that the others need not wait
// for the session to time out.
func (m *membership) leave() {
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.lanes))
	m.leaving = true
	m.mu.Unlock()
	m.stop(all)
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := m.client.LeaveGroupContext(ctx); err != nil {
		m.log.Warn("the group was not left in good order; it waits for the session to time out", "error", err.Error())
	}
	m.client.Close()
}

// status sums up the lanes.
func (m *membership) status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Live: true, Ready: m.assigned}
	if !m.assigned {
		s.Reason = "waiting for the group's assignment"
		if m.apart != "" {
			s.Reason += ": " + m.apart
		}
	}
	s.Partitions.Owned = len(m.lanes)
	now := m.shared.clock()
	for _, p := range slices.Sorted(maps.Keys(m.lanes)) {
		l := m.lanes[p]
		switch phase(l.phase.Load()) {
		case phaseRunning:
			s.Partitions.Running++
			if why := l.reason.Load(); why != nil && *why != "" {
				s.Ready = false
				s.Reason = fmt.Sprintf("partition %d stands still: %s", p, *why)
			}
		case phaseTakingOver:
			s.Partitions.Restoring++
			s.Ready = false
			s.Reason = reasonOr(l.reason.Load(), fmt.Sprintf("partition %d is being taken over, %s to restore", p, diag.Count(int(l.behind.Load()), "changelog offset")))
		case phaseHalted:
			s.Ready = false
			s.Reason = fmt.Sprintf("partition %d is halted: %s", p, *l.reason.Load())
		}
		if silent := now.Sub(time.UnixMilli(l.turned.Load())); silent > stuckAfter {
			s.Live = false
			s.Reason = fmt.Sprintf("partition %d has shown no life for %s", p, silent.Round(time.Second))
		}
	}
	return s
}

func reasonOr(reason *string, otherwise string) string {
	if reason == nil || *reason == "" {
		return otherwise
	}
	return *reason
}

// restoring returns how many changelog offsets the lanes have still to restore.
func (m *membership) restoring() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int64(0)
	for _, l := range m.lanes {
		n += l.behind.Load()
	}
	return n
}
