package processor_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// series does a hundred and fifty things and fails when it is told to. One of the
// compensations waits for an answer.
const series = `
workflow: series
version: 1
messages:
  Begin: {topic: %s.in, key: event.id}
  Stop:  {topic: %s.in, key: event.id}
  Done:  {topic: %s.replies, key: event.id}
  Do:    {topic: %s.work}
  Undo:  {topic: %s.out}
start: {Begin: {set: {n: 0}}}
do:
  - first:
      for: {while: n < 70}
      do:
        - a: {send: Do, with: {n: =n}, set: {n: =n + 1}, compensate: {send: Undo, with: {n: =n}}}
  - middle:
      send: Do
      with: {n: =n}
      set: {n: =n + 1}
      compensate: {send: Undo, with: {id: =key, n: =n}, await: {Done: {}}, timeout: 1h}
  - second:
      for: {while: n < 150}
      do:
        - b: {send: Do, with: {n: =n}, set: {n: =n + 1}, compensate: {send: Undo, with: {n: =n}}}
  - rest: {listen: {Stop: {raise: stopped}}}
`

// What an instance could undo is mostly in parts of it: they come back with it when
// a node starts anew, and when another reads the changelog.
func TestManyStepsAreUndoneInReverseAcrossRestarts(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), series)
	a.create(nil)
	dir := t.TempDir()
	n := a.nodeIn(dir)
	a.ready(n)
	work, undone := a.follow("work"), a.follow("out")
	a.produce("in", "s-1", `{"type":"Begin","id":"s-1"}`)
	a.checkCounts(work.next(150), func(i int) int { return 1 + i })
	a.checkStop(n)

	n = a.nodeIn(dir)
	a.ready(n)
	a.produce("in", "s-1", `{"type":"Stop","id":"s-1"}`)
	a.checkCounts(undone.next(80), func(i int) int { return 150 - i })
	a.checkStop(n)

	n = a.node() // with nothing but the changelog
	a.ready(n)
	a.produce("replies", "s-1", `{"type":"Done","id":"s-1"}`)
	a.checkCounts(undone.next(70), func(i int) int { return 70 - i })
}

func (a *app) checkStop(n *runningNode) {
	a.t.Helper()
	if err := n.stop(); err != nil {
		a.t.Fatal(err)
	}
}

// checkCounts compares the field n of records.
func (a *app) checkCounts(records []*kgo.Record, want func(i int) int) {
	a.t.Helper()
	for i, r := range records {
		if got := fmt.Sprint(field(a.t, r, "n")); got != fmt.Sprint(want(i)) {
			a.t.Fatalf("record %d: n is %s, want %d", i, got, want(i))
		}
	}
}
