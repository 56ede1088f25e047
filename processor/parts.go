package processor

import (
	"errors"
	"hash"
	"strconv"
	"strings"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// PartKey is where a part of an instance stands in the store and in the
// changelog. The @ keeps it apart from instances, whose keys may be any text: no
// workflow's name begins with it.
func PartKey(storeKey string, id int64) string {
	return "@" + storeKey + "\x00" + strconv.FormatInt(id, 10)
}

// CutPartKey returns the instance and the id of which a key is the PartKey.
func CutPartKey(key string) (storeKey string, id int64, ok bool) {
	at := strings.LastIndexByte(key, 0)
	if at < 0 || key[0] != '@' {
		return "", 0, false
	}
	id, err := strconv.ParseInt(key[at+1:], 10, 64)
	return key[1:at], id, err == nil
}

// keepParts stages what has become of an instance's parts: a part that is not
// the one decided on is written, one that is not there any more is deleted. What
// is written goes into the digest, in the order of the ids. It returns the size
// of all parts in the next state.
func (b *batch) keepParts(storeKey string, before, next *topology.Instance, digest hash.Hash) (bytes int, err error) {
	bytes = b.partBytes(storeKey, before)
	was := partsOf(before)
	if sameParts(was, next.Parts) {
		return bytes, nil
	}
	parts := next.Parts
	for len(was) > 0 && len(parts) > 0 && was[0] == parts[0] { // mostly all, or all but the last
		was, parts = was[1:], parts[1:]
	}
	for _, part := range parts {
		for len(was) > 0 && was[0].ID < part.ID {
			bytes -= b.dropPart(storeKey, was[0])
			was = was[1:]
		}
		if len(was) > 0 && was[0].ID == part.ID {
			former := was[0]
			was = was[1:]
			if former == part {
				continue
			}
			bytes -= former.Size()
		}
		if err := b.keepPart(storeKey, part, digest); err != nil {
			return 0, err
		}
		bytes += part.Size()
	}
	for _, part := range was {
		bytes -= b.dropPart(storeKey, part)
	}
	return bytes, nil
}

// sameParts reports whether two lists are one and the same: mostly a decision has
// nothing to do with parts, and the list is not walked over.
func sameParts(a, b []*topology.Part) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (b *batch) keepPart(storeKey string, part *topology.Part, digest hash.Hash) error {
	record, err := schemas.EncodePart(part)
	if err != nil {
		return err
	}
	digest.Write(record)
	b.put(PartKey(storeKey, part.ID), statestore.Entry{Value: record})
	return nil
}

// dropPart stages that a part is gone and returns how large it was.
func (b *batch) dropPart(storeKey string, part *topology.Part) int {
	b.overlay.Delete([]byte(PartKey(storeKey, part.ID)))
	return part.Size()
}

// dropParts stages that an instance is gone with all its parts.
func (b *batch) dropParts(storeKey string, before *topology.Instance) {
	for _, part := range partsOf(before) {
		b.dropPart(storeKey, part)
	}
}

func partsOf(i *topology.Instance) []*topology.Part {
	if i == nil {
		return nil
	}
	return i.Parts
}

// partBytes is the size of the parts of the state that was decided on. It is
// known, unless that has just left the cache: to walk over all parts for each
// decision would cost as much as the whole.
func (b *batch) partBytes(storeKey string, before *topology.Instance) int {
	known, ok := b.stagedOf(storeKey)
	if !ok {
		known, ok = b.tenure.cache.get(storeKey)
	}
	if ok && known.instance == before {
		return known.parts
	}
	return sizeOfParts(before)
}

func sizeOfParts(i *topology.Instance) int {
	bytes := 0
	for _, part := range partsOf(i) {
		bytes += part.Size()
	}
	return bytes
}

// errPartGone says that the store has an instance and not all of it.
var errPartGone = errors.New("is not in the store")

// decodeStored makes an instance of what the store holds: its entry, and its
// parts, which are read with it.
func decodeStored(store *statestore.Partition, storeKey string, entry statestore.Entry) (cached, error) {
	var reading error // of the store, which says itself what is wrong
	instance, err := schemas.DecodeInstance(entry.Value, func(id int64) ([]byte, error) {
		part, found, err := store.Get([]byte(PartKey(storeKey, id)))
		if err != nil {
			reading = err
		} else if !found {
			err = errPartGone
		}
		return part.Value, err
	})
	switch {
	case reading != nil:
		return cached{}, reading
	case err != nil:
		return cached{}, damaged(err)
	}
	return cached{instance, len(entry.Value), sizeOfParts(instance)}, nil
}
