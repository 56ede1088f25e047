package services

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRecordsAreMarkedInTheirOrderOnceAllBeforeThemAreDone(t *testing.T) {
	var marked []int64
	p := newProgress()
	p.mark = func(r *kgo.Record) { marked = append(marked, r.Offset) }
	begin := func(offset int64) *Task { return p.begin(&kgo.Record{Topic: "a", Partition: 1, Offset: offset}) }
	first, second, third := begin(10), begin(11), begin(12)
	first.add() // a reply follows from the first record

	second.done()
	first.done()
	if len(marked) != 0 {
		t.Fatalf("marked %v while the reply to 10 is out", marked)
	}
	first.done()
	third.done()
	if want := []int64{11, 12}; !slices.Equal(marked, want) {
		t.Errorf("marked %v, want %v", marked, want)
	}
}

func TestALostPartitionIsForgotten(t *testing.T) {
	var marked []int64
	p := newProgress()
	p.mark = func(r *kgo.Record) { marked = append(marked, r.Offset) }
	old := p.begin(&kgo.Record{Topic: "a", Partition: 1, Offset: 10})
	p.forget(map[string][]int32{"a": {1}})
	next := p.begin(&kgo.Record{Topic: "a", Partition: 1, Offset: 10})
	old.done()
	if len(marked) != 0 {
		t.Fatalf("marked %v for a partition that was lost", marked)
	}
	next.done()
	if !slices.Equal(marked, []int64{10}) {
		t.Errorf("marked %v, want [10]", marked)
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	m := NewMemory[int](2)
	*m.Of("a") = 1
	*m.Of("b") = 2
	*m.Of("c") = 3
	if len(m.entries) != 2 || *m.Of("c") != 3 || *m.Of("b") != 2 {
		t.Errorf("remembers %d entries, b %d, c %d", len(m.entries), *m.Of("b"), *m.Of("c"))
	}
	if *m.Of("a") != 0 {
		t.Error("the oldest was not forgotten")
	}
}
