package services

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// progress marks records for the next commit in the order of their partition,
// each once all that follows from it and from those before it is done.
type progress struct {
	mark func(*kgo.Record) // set before the first begin

	mu    sync.Mutex
	lanes map[string]map[int32][]*Task
}

// Task is one record and how many things are still to be done for it.
type Task struct {
	progress *progress
	record   *kgo.Record
	left     int
}

func newProgress() *progress {
	return &progress{lanes: map[string]map[int32][]*Task{}}
}

// begin opens a task for a record; it holds the partition's commit back until
// done has been called once more than add.
func (p *progress) begin(r *kgo.Record) *Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lanes[r.Topic] == nil {
		p.lanes[r.Topic] = map[int32][]*Task{}
	}
	t := &Task{progress: p, record: r, left: 1}
	p.lanes[r.Topic][r.Partition] = append(p.lanes[r.Topic][r.Partition], t)
	return t
}

// add says that one more thing follows from the record.
func (t *Task) add() {
	t.progress.mu.Lock()
	defer t.progress.mu.Unlock()
	t.left++
}

// done says that one thing is done, and marks what is complete.
func (t *Task) done() {
	p := t.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	t.left--
	lane := p.lanes[t.record.Topic][t.record.Partition]
	var last *Task
	for len(lane) > 0 && lane[0].left == 0 {
		last, lane = lane[0], lane[1:]
	}
	p.lanes[t.record.Topic][t.record.Partition] = lane
	if last != nil {
		p.mark(last.record)
	}
}

// forget drops the tasks of partitions that now belong to another member: it
// begins at the last commit and does again what was not complete.
func (p *progress) forget(partitions map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, list := range partitions {
		for _, partition := range list {
			delete(p.lanes[topic], partition)
		}
	}
}
