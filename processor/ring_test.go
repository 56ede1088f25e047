package processor_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

func TestRingCommitsRecordsAndOffsetsTogether(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		lab.mustCommit(ring, 1, 2, 3, 4, 5)
		lab.expect(1, 2, 3, 4, 5)
	})
}

// On Kafka the marker of a transaction may come after the records of the next.
func TestRingTellsTheOffsetOfEachRecord(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		var records []*kgo.Record
		for n := range 6 {
			txn := ring.Begin()
			for range 3 {
				rec := &kgo.Record{Topic: lab.changelog, Value: []byte(fmt.Sprint(len(records)))}
				txn.Add(rec)
				records = append(records, rec)
			}
			if err := txn.Commit(lab.ctx, lab.offsets(int64(n)), lab.identity()); err != nil {
				lab.t.Fatal(err)
			}
		}
		offsets := lab.offsetsOf(lab.changelog)
		for n, rec := range records {
			if got := offsets[fmt.Sprint(n)]; got != rec.Offset {
				lab.t.Errorf("record %d is at %d, and was said to be at %d", n, got, rec.Offset)
			}
		}
	})
}

func TestTimersOnlyTransactionCommitsTheSameOffsetAgain(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		lab.mustCommit(ring, 7)
		for _, n := range []int{8, 9} {
			if err := lab.begin(ring, n).Commit(lab.ctx, lab.offsets(7), lab.identity()); err != nil {
				t.Fatal(err)
			}
		}
		if got := lab.committedOffset(); got != 7 {
			t.Errorf("the group's offset is %d, not 7", got)
		}
		if got := lab.readCommitted(lab.changelog, 1)[0]; !slices.Equal(got, []string{"7", "8", "9"}) {
			t.Errorf("the changelog holds %v", got)
		}
	})
}

func TestDroppedTransactionLeavesNothing(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		txn := lab.begin(ring, 1)
		txn.Abort()
		if err := txn.Commit(lab.ctx, lab.offsets(1), lab.identity()); !errors.Is(err, processor.ErrRefused) {
			t.Errorf("committing an aborted transaction: %v", err)
		}
		lab.begin(ring, 2) // dropped without a word
		lab.mustCommit(ring, 3)
		lab.expect(3)
	})
}

// A record larger than its topic takes aborts the transaction, also those of
// its records that were taken; the ring goes on.
func TestRecordTooLargeAbortsAndTheRingGoesOn(t *testing.T) {
	const limit = 20_000
	onEachCluster(t, func(lab *ringLab) {
		small := lab.cluster.Topic(lab.t, "small", 1, "max.message.bytes", fmt.Sprint(limit))
		ring := lab.open(lab.ringConfig(kgo.ProducerBatchCompression(kgo.NoCompression())))
		lab.mustCommit(ring, 1)
		for _, n := range []int{2, 3} {
			txn := lab.begin(ring, n)
			txn.Add(&kgo.Record{Topic: small, Value: make([]byte, limit+1000)})
			expectTooLarge(lab, txn.Commit(lab.ctx, lab.offsets(int64(n)), lab.identity()), small)
		}
		lab.mustCommit(ring, 4, 5)
		lab.expect(1, 4, 5)
		if got := lab.readCommitted(small, 1)[0]; len(got) > 0 {
			lab.t.Errorf("%d large records are visible", len(got))
		}
	})
}

func expectTooLarge(lab *ringLab, err error, topic string) {
	lab.t.Helper()
	var refused *processor.RecordError
	if !errors.Is(err, processor.ErrAborted) || !errors.As(err, &refused) {
		lab.t.Fatalf("a record too large: %v", err)
	}
	if !refused.TooLarge() || refused.Topic != topic || refused.Index != outputPartitions+1 {
		lab.t.Errorf("the error blames record %d of %s: %v", refused.Index, refused.Topic, refused)
	}
}

func TestRecordForAMissingTopicAbortsAndTheRingGoesOn(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		txn := lab.begin(ring, 1)
		txn.Add(&kgo.Record{Topic: "there-is-no-such-topic", Value: []byte("1")})
		err := txn.Commit(lab.ctx, lab.offsets(1), lab.identity())
		var refused *processor.RecordError
		if !errors.Is(err, processor.ErrAborted) || !errors.As(err, &refused) || refused.Topic != "there-is-no-such-topic" {
			t.Fatalf("a record for a topic that does not exist: %v", err)
		}
		lab.mustCommit(ring, 2, 3)
		lab.expect(2, 3)
	})
}

// More than one batch per partition goes out in several bursts, in order.
func TestLargeTransactionKeepsOrderAndIsWhole(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		cfg := lab.ringConfig()
		cfg.BatchBytes = func(string) int32 { return 4000 }
		ring := lab.open(cfg)
		txn := ring.Begin()
		var want []string
		padding := strings.Repeat("x", 500)
		for n := range 100 {
			want = append(want, fmt.Sprint(n, padding))
			for p := range int32(outputPartitions) {
				txn.Add(&kgo.Record{Topic: lab.output, Partition: p, Value: []byte(want[n])})
			}
		}
		if txn.Fits(&kgo.Record{Topic: lab.output, Value: make([]byte, 3500)}) {
			t.Error("a batch that is half full is said to have room for another")
		}
		if err := txn.Commit(lab.ctx, lab.offsets(1), lab.identity()); err != nil {
			t.Fatal(err)
		}
		for p, got := range lab.readCommitted(lab.output, outputPartitions) {
			if !slices.Equal(got, want) {
				t.Errorf("output %d holds %d records, or not in order", p, len(got))
			}
		}
	})
}

// What would be unsafe is refused before anything is sent.
func TestUnsafeTransactionsAreRefused(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		good := lab.identity()
		for what, commit := range map[string]func() error{
			"no member": func() error {
				return lab.begin(ring, 1).Commit(lab.ctx, lab.offsets(1), processor.Member{Generation: -1})
			},
			"no member id": func() error {
				return lab.begin(ring, 1).Commit(lab.ctx, lab.offsets(1), processor.Member{Generation: 1})
			},
			"no generation": func() error {
				return lab.begin(ring, 1).Commit(lab.ctx, lab.offsets(1), processor.Member{ID: good.ID, Generation: -1})
			},
			"no offset": func() error { return lab.begin(ring, 1).Commit(lab.ctx, processor.Offsets{lab.input: {}}, good) },
			"no record": func() error { return ring.Begin().Commit(lab.ctx, lab.offsets(1), good) },
			"committed twice": func() error {
				txn := lab.begin(ring, 2)
				if err := txn.Commit(lab.ctx, lab.offsets(2), good); err != nil {
					return err
				}
				return txn.Commit(lab.ctx, lab.offsets(2), good)
			},
		} {
			if err := commit(); !errors.Is(err, processor.ErrRefused) {
				t.Errorf("%s: %v", what, err)
			}
		}
		lab.mustCommit(ring, 3)
		lab.expect(2, 3)
	})
}

func TestClosedRingRefuses(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		lab.mustCommit(ring, 1)
		ring.Close()
		ring.Close()
		if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrClosed) {
			t.Errorf("a closed ring: %v", err)
		}
		lab.expect(1)
	})
}

// A member joins, and the group's generation moves on: what was decided under
// the old one is aborted, and committed again once the callback has confirmed.
func TestStaleGenerationIsAbortedAndReplayed(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		lab.mustCommit(ring, 1)
		stale := lab.identity()
		lab.join()
		lab.member.await(lab, func(m processor.Member) bool { return m.Generation > stale.Generation })

		err := lab.begin(ring, 2).Commit(lab.ctx, lab.offsets(2), stale)
		if !errors.Is(err, processor.ErrAborted) || !errors.Is(err, processor.ErrStaleMember) {
			t.Fatalf("commit under generation %d: %v", stale.Generation, err)
		}
		lab.mustCommit(ring, 2, 3)
		lab.expect(1, 2, 3)
	})
}

func TestMemberThrownOutCannotCommit(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		ring := lab.open(lab.ringConfig())
		lab.mustCommit(ring, 1)
		former := lab.identity()
		lab.throwOut(former)

		err := lab.begin(ring, 2).Commit(lab.ctx, lab.offsets(2), former)
		if !errors.Is(err, processor.ErrAborted) || !errors.Is(err, processor.ErrNotMember) {
			t.Fatalf("commit of a member that was thrown out: %v", err)
		}
		lab.expect(1)
	})
}

func TestNewOwnerFencesTheFormer(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		former := lab.open(lab.ringConfig())
		lab.mustCommit(former, 1, 2) // so that both producers have been used
		owner := lab.open(lab.ringConfig())
		lab.mustCommit(owner, 3)
		if err := lab.commit(former, 4); !errors.Is(err, processor.ErrFenced) {
			t.Fatalf("commit of the former owner: %v", err)
		}
		if err := lab.commit(former, 5); !errors.Is(err, processor.ErrClosed) {
			t.Errorf("a fenced ring is not closed: %v", err)
		}
		lab.mustCommit(owner, 6, 7)
		lab.expect(1, 2, 3, 6, 7)
	})
}

// The dead owner had produced and committed its offsets, not more. The new one
// does not wait for the transaction's timeout.
func TestNewOwnerEndsTheTransactionOfADeadOne(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		wire := new(kafkatest.Wire)
		cfg := lab.ringConfig(kgo.Dialer(wire.Dial))
		cfg.Timeout = lab.brief()
		dead := lab.open(cfg)
		lab.mustCommit(dead, 1)
		lab.leaveOpen(dead, wire, 2)

		began := time.Now()
		owner := lab.open(lab.ringConfig())
		lab.mustCommit(owner, 3)
		lab.expect(1, 3)
		t.Logf("taken over in %v", time.Since(began))
	})
}

// leaveOpen leaves transaction n without an end.
func (l *ringLab) leaveOpen(ring *processor.Ring, wire *kafkatest.Wire, n int) {
	l.t.Helper()
	wire.Cut(kmsg.EndTxn, kafkatest.BeforeRequest, -1)
	if err := l.commit(ring, n); !errors.Is(err, processor.ErrUnknown) {
		l.t.Fatalf("commit without a connection: %v", err)
	}
	if wire.Mend() == 0 {
		l.t.Fatal("no request was cut: the transaction was not left open")
	}
}

// A cut connection around EndTxn is mended by asking again, which the broker
// answers as it did before.
func TestConnectionCutOnceAroundEndTxnIsMended(t *testing.T) {
	for what, when := range cuts {
		t.Run(what, func(t *testing.T) {
			onEachCluster(t, func(lab *ringLab) {
				wire := new(kafkatest.Wire)
				ring := lab.open(lab.ringConfig(kgo.Dialer(wire.Dial)))
				lab.mustCommit(ring, 1)
				wire.Cut(kmsg.EndTxn, when, 1)
				lab.mustCommit(ring, 2)
				if cut := wire.Mend(); cut != 1 {
					lab.t.Errorf("%d requests were cut", cut)
				}
				lab.mustCommit(ring, 3, 4)
				lab.expect(1, 2, 3, 4)
			})
		})
	}
}

var cuts = map[string]kafkatest.Cut{"not applied": kafkatest.BeforeRequest, "applied": kafkatest.BeforeAnswer}

// While the connection stays cut nobody can say what became of the transaction.
// The new owner finds it either whole or gone.
func TestConnectionCutAroundEndTxnLeavesTheOutcomeToTheNextOwner(t *testing.T) {
	for what, when := range cuts {
		t.Run(what, func(t *testing.T) {
			onEachCluster(t, func(lab *ringLab) {
				wire := new(kafkatest.Wire)
				cfg := lab.ringConfig(kgo.Dialer(wire.Dial))
				cfg.Timeout = lab.brief()
				ring := lab.open(cfg)
				lab.mustCommit(ring, 1)
				wire.Cut(kmsg.EndTxn, when, -1)
				began := time.Now()
				if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrUnknown) {
					lab.t.Fatalf("commit without an answer: %v", err)
				}
				if took := time.Since(began); took > cfg.Timeout+2*time.Second {
					lab.t.Errorf("the unknown outcome came after %v", took)
				}
				wire.Mend()
				owner := lab.open(lab.ringConfig())
				if when == kafkatest.BeforeAnswer {
					lab.expect(1, 2)
				} else {
					lab.expect(1)
					lab.mustCommit(owner, 2)
				}
				lab.mustCommit(owner, 3)
				lab.expect(1, 2, 3)
			})
		})
	}
}

// A cut at any other request is no commit either.
func TestConnectionCutElsewhereNeverLeavesAPart(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit} {
		for what, when := range cuts {
			t.Run(key.Name()+" "+what, func(t *testing.T) {
				onEachCluster(t, func(lab *ringLab) {
					wire := new(kafkatest.Wire)
					cfg := lab.ringConfig(kgo.Dialer(wire.Dial))
					cfg.Timeout = lab.brief()
					ring := lab.open(cfg)
					lab.mustCommit(ring, 1)
					wire.Cut(key, when, -1)
					if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrUnknown) {
						lab.t.Fatalf("commit without an answer: %v", err)
					}
					wire.Mend()
					owner := lab.open(lab.ringConfig())
					lab.expect(1)
					lab.mustCommit(owner, 2)
					lab.expect(1, 2)
				})
			})
		}
	}
}

// Real Kafka answers CONCURRENT_TRANSACTIONS by itself; the embedded broker is
// made to, wherever Kafka can.
func TestConcurrentTransactionsAreWaitedFor(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			lab := newRingLab(t, kafkatest.Embedded(t, 3))
			faults := lab.cluster.Fake.Fault(kfake.Fault{
				Keys: []kmsg.Key{key}, Err: kerr.ConcurrentTransactions, Count: 3, TopLevel: key == kmsg.InitProducerID || key == kmsg.EndTxn,
			})
			ring := lab.open(lab.ringConfig())
			lab.mustCommit(ring, 1, 2, 3)
			if faults.Hits() == 0 {
				t.Error("the fault was not met")
			}
			lab.expect(1, 2, 3)
		})
	}
}

// A broker that no longer lets clients name partitions makes it slower only.
func TestRingWorksWithoutNamingPartitions(t *testing.T) {
	lab := newRingLab(t, kafkatest.Embedded(t, 3))
	lab.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Err: kerr.UnsupportedVersion, Count: -1})
	ring := lab.open(lab.ringConfig())
	lab.mustCommit(ring, 1, 2, 3)
	lab.expect(1, 2, 3)
}

// The coordinator's refusal of offsets for any other reason ends the ring.
func TestRefusedOffsetsEndTheRing(t *testing.T) {
	lab := newRingLab(t, kafkatest.Embedded(t, 1))
	ring := lab.open(lab.ringConfig())
	lab.mustCommit(ring, 1)
	lab.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.GroupAuthorizationFailed})
	if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrUnknown) || !errors.Is(err, kerr.GroupAuthorizationFailed) {
		t.Fatalf("offsets refused: %v", err)
	}
	if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrClosed) {
		t.Errorf("the ring goes on: %v", err)
	}
	lab.mustCommit(lab.open(lab.ringConfig()), 2)
	lab.expect(1, 2)
}

// The broker's word that a transaction can only be aborted is not the end.
func TestAbortableTransactionIsAbortedAndReplayed(t *testing.T) {
	lab := newRingLab(t, kafkatest.Embedded(t, 1))
	ring := lab.open(lab.ringConfig())
	lab.mustCommit(ring, 1)
	lab.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TransactionAbortable})
	if err := lab.commit(ring, 2); !errors.Is(err, processor.ErrAborted) {
		t.Fatalf("an abortable transaction: %v", err)
	}
	lab.mustCommit(ring, 2, 3)
	lab.expect(1, 2, 3)
}

// Whoever opens the ring first commits on the first producer: of two owners
// that opened it in turns, one can do nothing.
func TestOwnersWithOneProducerEachCannotBothCommit(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		first := lab.open(lab.ringConfig())
		second := lab.open(lab.ringConfig())
		// As if first had opened its second producer after second did.
		lab.reopen(lab.ids[1])
		if err := lab.commit(first, 1); !errors.Is(err, processor.ErrFenced) {
			t.Errorf("the former owner commits: %v", err)
		}
		lab.mustCommit(second, 2)
		if err := lab.commit(second, 3); !errors.Is(err, processor.ErrFenced) {
			t.Errorf("the second producer was taken, and yet commits: %v", err)
		}
		lab.expect(2)
	})
}

func (l *ringLab) reopen(id string) {
	l.t.Helper()
	client := l.cluster.Client(l.t, kgo.TransactionalID(id))
	if _, _, err := client.ProducerID(l.ctx); err != nil {
		l.t.Fatal(err)
	}
}

// A client that does not list the partitions which have taken a transaction's
// records ends it by an abort, and calls that a success. It is so for a moment
// after it has heard of a topic for the first time.
func TestCommitIsNotConfirmedWhereTheClientWouldAbort(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		forgetful := &forgetfulClient{topic: lab.changelog}
		cfg := lab.ringConfig(kgo.WithHooks(forgetful))
		cfg.Timeout = lab.brief()
		ring := lab.open(cfg)
		txn := ring.Begin()
		txn.Add(&kgo.Record{Topic: lab.changelog, Value: []byte("1")})
		err := txn.Commit(lab.ctx, lab.offsets(1), lab.identity())
		if !forgetful.has.Load() {
			lab.t.Fatal("the client knows the topic's partitions")
		}
		if !errors.Is(err, processor.ErrUnknown) {
			lab.t.Errorf("commit: %v", err)
		}
		lab.open(lab.ringConfig())
		lab.expect()
	})
}

// forgetfulClient is a hook of a client that makes it forget a topic between the
// records of a transaction and its end.
type forgetfulClient struct {
	topic  string
	client *kgo.Client
	has    atomic.Bool
}

func (f *forgetfulClient) OnNewClient(client *kgo.Client) { f.client = cmp.Or(f.client, client) } // that of the first transaction

func (f *forgetfulClient) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if kmsg.Key(key) == kmsg.TxnOffsetCommit && f.has.CompareAndSwap(false, true) {
		f.client.PurgeTopicsFromProducing(f.topic)
	}
}

func TestRingConfigNamesWhatIsWrong(t *testing.T) {
	newClient := func(...kgo.Opt) (*kgo.Client, error) { return nil, errors.New("not reached") }
	good := processor.RingConfig{NewClient: newClient, IDs: [2]string{"a", "b"}, Group: "g"}
	for field, spoil := range map[string]func(*processor.RingConfig){
		"NewClient": func(c *processor.RingConfig) { c.NewClient = nil },
		"IDs":       func(c *processor.RingConfig) { c.IDs[1] = "a" },
		"Group":     func(c *processor.RingConfig) { c.Group = "" },
		"Timeout":   func(c *processor.RingConfig) { c.Timeout = time.Millisecond },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := processor.OpenRing(t.Context(), cfg); err == nil || !strings.HasPrefix(err.Error(), "ring: "+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
