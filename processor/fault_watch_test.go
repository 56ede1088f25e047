package processor_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// watch looks at every request of transactions that reaches an embedded broker
// and fails the test where one commits what is not fenced: without the offset of
// the inbox, and of a source, of each state partition that it changes, or under
// an identity that no lane can have.
type watch struct {
	app   *app
	names map[[16]byte]string // of topics

	mu    sync.Mutex // guards what follows
	begun map[string]*watched
	all   []*watched // in the order in which they began
}

// watch begins to look, at the topics that are there.
func (a *app) watch() *watch {
	w := &watch{app: a, names: a.topicNames(), begun: make(map[string]*watched)}
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.Produce} {
		a.cluster.Fake.ControlKey(int16(key), w.look)
	}
	return w
}

func (w *watch) look(r kmsg.Request) (kmsg.Response, error, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.app.cluster.Fake.KeepControl()
	switch r := r.(type) {
	case *kmsg.InitProducerIDRequest: // ends what is open
		if r.TransactionalID != nil {
			delete(w.begun, *r.TransactionalID)
		}
	case *kmsg.TxnOffsetCommitRequest:
		if r.MemberID == "" || r.Generation < 0 {
			w.app.t.Errorf("%s commits offsets as %q of generation %d", r.TransactionalID, r.MemberID, r.Generation)
		}
		if txn := w.begun[r.TransactionalID]; txn != nil {
			txn.offsets(r, w.names)
		}
	case *kmsg.EndTxnRequest:
		if txn := w.begun[r.TransactionalID]; txn != nil && r.Commit && !strings.HasSuffix(r.TransactionalID, "-definitions") {
			txn.judge(w.app.t, w.app.topic("inbox"))
		}
		delete(w.begun, r.TransactionalID)
	case *kmsg.ProduceRequest:
		if r.TransactionID != nil {
			w.transaction(*r.TransactionID).writes(r, w.names, w.app.topic("changelog"))
		}
	}
	return nil, nil, false
}

// transaction is the one that is open under an id.
func (w *watch) transaction(id string) *watched {
	if w.begun[id] == nil {
		w.begun[id] = &watched{id: id, changed: make(map[int32]bool), moved: make(map[int32]map[string]bool)}
		w.all = append(w.all, w.begun[id])
	}
	return w.begun[id]
}

// ways are how the transactions that write to the changelog of a state partition
// went, in the order in which they began, also those that were not committed.
func (w *watch) ways(partition int32) []way {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []way
	for _, txn := range w.all {
		if txn.changed[partition] {
			out = append(out, way{aside: w.isAside(txn.id), lanes: len(txn.changed)})
		}
	}
	return out
}

// way is by which of a node's rings a transaction went, and how many lanes wrote.
type way struct {
	aside bool // by that of lanes whose last transaction had an unknown outcome
	lanes int
}

// isAside reports whether an id is of the second ring: application, local store,
// number of the producer (2 and 3), and which pair of ids, if not the first.
func (w *watch) isAside(id string) bool {
	parts := strings.Split(strings.TrimPrefix(id, w.app.config.App+"-"), "-")
	return len(parts) > 1 && slices.Contains([]string{"2", "3"}, parts[1])
}

// watched is a transaction that has begun.
type watched struct {
	id      string
	changed map[int32]bool            // state partitions whose changelog it writes
	moved   map[int32]map[string]bool // by partition: topics whose offsets it commits
}

func (txn *watched) writes(r *kmsg.ProduceRequest, names map[[16]byte]string, changelog string) {
	for _, topic := range r.Topics {
		if topic.Topic != changelog && names[topic.TopicID] != changelog {
			continue
		}
		for _, p := range topic.Partitions {
			txn.changed[p.Partition] = true
		}
	}
}

func (txn *watched) offsets(r *kmsg.TxnOffsetCommitRequest, names map[[16]byte]string) {
	for _, topic := range r.Topics {
		name := topic.Topic
		if name == "" {
			name = names[topic.TopicID]
		}
		for _, p := range topic.Partitions {
			if txn.moved[p.Partition] == nil {
				txn.moved[p.Partition] = make(map[string]bool)
			}
			txn.moved[p.Partition][name] = true
		}
	}
}

func (txn *watched) judge(t *testing.T, inbox string) {
	if len(txn.changed) == 0 {
		t.Errorf("%s commits without a change of state", txn.id)
	}
	for p := range txn.changed {
		if moved := txn.moved[p]; !moved[inbox] || len(moved) < 2 {
			t.Errorf("%s changes state partition %d and commits offsets of %v: the inbox and a source have to be among them", txn.id, p, moved)
		}
	}
}
