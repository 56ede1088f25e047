// Package schemas turns bytes into values and back: the payloads of users'
// messages, and the records that Rondo itself keeps in its topics.
//
// # Records of Rondo
//
// Each kind of record has an Avro schema in avsc/, embedded in the program,
// and a Format made from it. A record is written as an Avro single object, so
// the fingerprint of its schema stands in front. To add a record:
//
//	var thingFormat = sync.OnceValue(func() *Format { return newFormat("thing") }) // avsc/thing.avsc
//
//	b, err := thingFormat().encode(map[string]any{"at": int64(5), "state": record}) // record, err := valueRecord(v)
//	native, err := thingFormat().decode(b)                                          // v, err := valueOf(native["state"])
//
// A schema may name the types of avsc/value.avsc ("rondo.Value"). It has no
// Avro map anywhere, for goavro writes maps in random order and the same
// record must always give the same bytes: an array of pairs, sorted, instead.
//
// A released schema never changes. When a record needs another shape, the old
// schema is kept under another file name, in its canonical form (which names
// no shared type), and handed to newFormat with a function that upgrades a
// record of it to the next version. A record with an unknown fingerprint was
// written by a newer program: *UnknownFormatError, and the partition stops.
package schemas
