package schemas

import (
	"maps"
	"os"
	"slices"
	"testing"

	"rondo/topology"
)

// Wherever a step may stand that sends, its message is written by the writer.
func TestMessagesAreSentFromEverywhere(t *testing.T) {
	def, found := topology.Parse("w.yaml", []byte(`workflow: w
version: 1
messages:
  Go: {topic: in, key: event.id}
  A: {topic: out}
  B: {topic: out}
  C: {topic: out}
  D: {topic: out}
  E: {topic: out}
start:
  Go: {}
  run: {send: E}
do:
  - split: {fork: {left: [{a: {send: A}}], right: [{b: {send: B}}]}}
  - each: {for: {each: x, in: [1, 2]}, do: [{c: {send: C}}]}
  - bear: {run: other, await: {completed: {send: D}}, timeout: 1h}
`), func(string) ([]byte, error) { return nil, os.ErrNotExist })
	if found.HasErrors() {
		t.Fatal(found)
	}
	if sent := slices.Sorted(maps.Keys(sentMessages(def))); !slices.Equal(sent, []string{"A", "B", "C", "D", "E"}) {
		t.Errorf("sent: %v", sent)
	}
}
