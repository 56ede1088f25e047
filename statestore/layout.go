package statestore

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of keys within a partition.
const (
	kindPosition = 'p'
	kindTimer    = 't'
	kindValue    = 'v'
)

// formatKey is where the store's own format stands: behind all partitions,
// whose numbers are not negative.
var formatKey = []byte{0xff, 'f'}

// format is the layout of keys and values in this package. A store of another
// format is thrown away, since the changelog has everything.
const format = 1

const prefixBytes = 5 // partition and kind

// prefix is what all keys of one kind of one partition begin with.
type prefix [prefixBytes]byte

func newPrefix(partition int32, kind byte) prefix {
	var p prefix
	binary.BigEndian.PutUint32(p[:], uint32(partition))
	p[4] = kind
	return p
}

// key appends the store's key of a caller's key to buf.
func (p prefix) key(buf []byte, rest []byte) []byte {
	return append(append(buf, p[:]...), rest...)
}

// keyOf is key for a timer.
func (p prefix) keyOf(buf []byte, t timerKey) []byte {
	return append(append(buf, p[:]...), t...)
}

// end is the first key behind the prefix.
func (p prefix) end() []byte {
	p[4]++
	return p[:]
}

// partitionSpan returns the first key of a partition and the first behind it.
func partitionSpan(partition int32) (start, end []byte) {
	start = binary.BigEndian.AppendUint32(nil, uint32(partition))
	end = binary.BigEndian.AppendUint32(nil, uint32(partition)+1)
	return start, end
}

// Entry is what stands under a key.
type Entry struct {
	Value []byte
	Due   int64 // when the key's next timer fires, milliseconds since the epoch; 0: it has none
}

const (
	entryMark        = 1
	entryHeaderBytes = 9
)

// errFormat is what cannot have been written by this package: damage.
var errFormat = errors.New("not in the form in which it is stored")

// encodedBytes is the length of the stored form.
func (e Entry) encodedBytes() int { return entryHeaderBytes + len(e.Value) }

// encode writes the stored form into a buffer of encodedBytes.
func (e Entry) encode(into []byte) {
	into[0] = entryMark
	binary.BigEndian.PutUint64(into[1:], uint64(e.Due))
	copy(into[entryHeaderBytes:], e.Value)
}

// decodeEntry reads the stored form; the entry's value is part of raw.
func decodeEntry(raw []byte) (Entry, error) {
	if len(raw) < entryHeaderBytes || raw[0] != entryMark {
		return Entry{}, fmt.Errorf("entry of %d bytes: %w", len(raw), errFormat)
	}
	return Entry{Value: raw[entryHeaderBytes:], Due: int64(binary.BigEndian.Uint64(raw[1:]))}, nil
}

// Position says up to where the changelog has been applied to a partition.
type Position struct {
	TopicID   [16]byte // of the changelog topic; an offset of another topic means nothing
	Offset    int64    // the next changelog offset
	AppliedAt int64    // wall clock, milliseconds since the epoch: tombstones older than the topic keeps them are missed
}

const (
	positionMark  = 1
	positionBytes = 1 + 16 + 8 + 8
)

// positionRecord is a position as it is stored, with the timers' cursor.
type positionRecord struct {
	Position
	cursor timerKey // no timer stands before it
}

func (r positionRecord) encode() []byte {
	out := make([]byte, 0, positionBytes+len(r.cursor))
	out = append(out, positionMark)
	out = append(out, r.TopicID[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(r.Offset))
	out = binary.BigEndian.AppendUint64(out, uint64(r.AppliedAt))
	return append(out, r.cursor...)
}

func decodePosition(raw []byte) (positionRecord, error) {
	if len(raw) < positionBytes || raw[0] != positionMark {
		return positionRecord{}, fmt.Errorf("position of %d bytes: %w", len(raw), errFormat)
	}
	var r positionRecord
	copy(r.TopicID[:], raw[1:])
	r.Offset = int64(binary.BigEndian.Uint64(raw[17:]))
	r.AppliedAt = int64(binary.BigEndian.Uint64(raw[25:]))
	r.cursor = timerKey(raw[positionBytes:])
	return r, nil
}
