package processor

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// What a lane does next after a Commit that failed hangs on which of these the
// error is.
var (
	// ErrAborted: the transaction was aborted, and the abort was confirmed.
	// Nothing of it is visible and the ring goes on. The same decisions may be
	// committed again in a new transaction, once the cause is mended: a
	// *RecordError, ErrStaleMember or ErrNotMember.
	ErrAborted = errors.New("transaction aborted")

	// ErrFenced: somebody else has opened one of these transactional ids: the new
	// owner of a partition that was in the transaction, or another ring with the
	// same ids. The ring is closed, and nothing of the transaction is committed.
	ErrFenced = errors.New("fenced by a new owner")

	// ErrUnknown: nobody can say what became of the transaction, or the ring
	// cannot be trusted any more. The ring is closed. The lane drops what it
	// has decided and begins as a new owner; opening a ring finishes what was
	// left open.
	ErrUnknown = errors.New("outcome unknown")

	// ErrClosed: the ring had been closed before; nothing was sent.
	ErrClosed = errors.New("transaction ring is closed")

	// ErrRefused: the caller asked for what would be unsafe. Nothing was sent,
	// the ring is as before, and the same call will be refused again.
	ErrRefused = errors.New("transaction refused")
)

// Why the group coordinator refused the offsets. Each comes with ErrAborted.
var (
	// ErrStaleMember: the group has a newer generation than the one the lane
	// was assigned under. If the next assignment callback confirms the lane,
	// its decisions can be committed under the new identity; no restore.
	ErrStaleMember = errors.New("the group has moved on to another generation")

	// ErrNotMember: the group does not know the member any more. It has lost
	// its partitions, and others may have changed them: the lane ends.
	ErrNotMember = errors.New("not a member of the group any more")
)

// RecordError says which record the brokers, or the client, would not take. It
// comes with ErrAborted.
type RecordError struct {
	Index     int    // of the record, counted from the first Add of the transaction
	Topic     string // of the record
	Partition int32  // of the record
	Bytes     int    // size of the record's key, value and headers, and a bound of its framing
	Reason    error  // of kerr; kerr.MessageTooLarge if it was too large
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("record %d (%s/%d, %d bytes): %v", e.Index, e.Topic, e.Partition, e.Bytes, e.Reason)
}

func (e *RecordError) Unwrap() error { return e.Reason }

// TooLarge reports whether the record is larger than its topic allows.
func (e *RecordError) TooLarge() bool {
	return isAny(e.Reason, kerr.MessageTooLarge, kerr.RecordListTooLarge)
}

// abortable reports whether an answer leaves the producer sound, so that the
// transaction can be aborted and the ring kept.
func abortable(err error) bool {
	var record *RecordError
	return errors.As(err, &record) || isAny(err, ErrStaleMember, ErrNotMember, kerr.TransactionAbortable)
}

// aboutTheRecord reports whether an answer to a produce, or to naming its
// partition, speaks of the record and not of the connection or the producer.
func aboutTheRecord(err error) bool {
	return isAny(err,
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.PolicyViolation,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed,
		kerr.UnsupportedCompressionType,
	)
}

// passing reports whether a coordinator's answer is expected to be another a
// few milliseconds later, with nothing changed by the request.
func passing(err error) bool {
	return isAny(err,
		kerr.ConcurrentTransactions, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator,
		kerr.NetworkException, kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend,
	)
}

// outdated reports whether the broker no longer takes this producer's epoch: a
// new owner has fenced it, or the broker has ended its transaction at the
// timeout.
func outdated(err error) bool {
	return isAny(err, kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping)
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
