// Package schemas turns bytes into values and back: the payloads of users'
// messages, and the records that Rondo itself keeps in its topics. It decides
// nothing.
//
//	record ──► Reader ──► types, value.Value        value.Value ──► Writer ──► record
//	              │                                                   │
//	              ├── Registry (by id), schema files (by fingerprint) ┘  (looked up beforehand)
//	              ▼
//	           Schema: check ─► goavro ─► convert
//
//	Progress, History, Inbox, Deployment, instance ──► Format ──► C3 01 fingerprint datum
//
// # Payloads
//
// A Reader decodes the records of one topic as one definition sees them. It
// finds out how a record is framed (Confluent's schema id in front or in a
// header, an Avro single object, nothing), gets the schema, and converts.
// There are two ways to fail, and they must never be mixed up: an *Undecodable
// is about the record, which becomes a dead letter; ErrRegistryUnavailable is
// about the registry, for which the lane waits. Only the registry's own "not
// found" counts against a record.
//
// A Writer has all schemas from the start, so that encoding is pure: the same
// value gives the same bytes, and no decision waits for a registry. Nothing
// here ever registers a schema.
//
// # Avro
//
// goavro reads and writes the binary form. Four things it leaves to us, all
// found by experiment:
//
//   - It allocates for as many items as a block claims, takes items of no bytes
//     without end, and follows a recursive schema until the stack ends, which no
//     recover catches. So checkBinary walks over every datum first; it also
//     knows the byte and the field that are wrong.
//   - It writes maps in random order. So it is shown each map as a record with
//     an array of entries, which has the same binary form.
//   - It treats logical types unevenly: some come as Go times, some as bare
//     numbers. So it is shown a plain schema, and conversions go by our model.
//   - Its canonical form leaves some names unqualified and prefixes a namespace
//     with the one around it. So fingerprints are made from our model.
//
// # Records of Rondo
//
// Each kind of record has an Avro schema in avsc/, embedded in the program,
// and a Format made from it. A record is written as an Avro single object, so
// the fingerprint of its schema stands in front. To add a record:
//
//	var thingFormat = sync.OnceValue(func() *Format { return newFormat("thing") }) // avsc/thing.avsc
//
//	b, err := thingFormat().encode(map[string]any{"at": int64(5)})
//	native, err := thingFormat().decode(b)
//
// What is written for every decision (instances and their parts, the inbox, the
// history) does not go through goavro's maps but through a recordWriter, field by
// field in the order of the schema: a tenth of the time. That both write the same
// is a test. A value is written by recordWriter.value, read by valueOf.
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
