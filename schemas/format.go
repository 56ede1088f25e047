package schemas

import (
	"embed"
	"encoding/binary"
	"fmt"
	"slices"
)

//go:embed avsc/*.avsc
var avscFiles embed.FS

// sharedFiles define types that the records of Rondo have in common. A record
// may name them ("rondo.Value"); they become part of its own schema.
var sharedFiles = []string{"value.avsc", "recordref.avsc", "header.avsc", "act.avsc", "address.avsc", "event.avsc", "failure.avsc", "letter.avsc", "entry.avsc"}

// Format is how one kind of Rondo's own records is written: as an Avro
// single-object, that is C3 01, the fingerprint of the schema in eight bytes,
// and the binary form. The fingerprint tells which version wrote a record.
// Versions that were ever released stay readable.
type Format struct {
	name     string
	current  *Schema
	versions map[uint64]*formatVersion
}

// formatVersion is one version that can be read.
type formatVersion struct {
	schema  *Schema
	upgrade func(native map[string]any) map[string]any // to the next version; nil: this is the current one
	next    *formatVersion
}

// formerVersion is a version that was written once: the file that holds its
// schema and how a record of it becomes one of the version after it.
type formerVersion struct {
	file    string
	upgrade func(native map[string]any) map[string]any
}

// UnknownFormatError reports a record in a format that this program does not
// know, which means that a newer one wrote it.
type UnknownFormatError struct {
	Record      string // "instance"
	Fingerprint uint64
}

func (e *UnknownFormatError) Error() string {
	return fmt.Sprintf("%s record with the unknown format %016x: it was written by a newer rondo; "+
		"this partition stops here so that nothing is lost: update this node", e.Record, e.Fingerprint)
}

// newFormat returns the format of the record that avsc/<name>.avsc describes,
// with its former versions, oldest first. The files are part of the program:
// one that is wrong is a broken invariant, and panics.
func newFormat(name string, former ...formerVersion) *Format {
	versions := make([]schemaVersion, len(former))
	for i, v := range former {
		versions[i] = schemaVersion{schema: mustEmbedded(v.file), upgrade: v.upgrade}
	}
	return formatOfVersions(name, mustEmbedded(name+".avsc"), versions...)
}

type schemaVersion struct {
	schema  *Schema
	upgrade func(native map[string]any) map[string]any
}

func formatOfVersions(name string, current *Schema, former ...schemaVersion) *Format {
	f := &Format{name: name, current: current, versions: map[uint64]*formatVersion{}}
	next := &formatVersion{schema: current}
	f.add(next)
	for _, v := range slices.Backward(former) {
		next = &formatVersion{schema: v.schema, upgrade: v.upgrade, next: next}
		f.add(next)
	}
	return f
}

func (f *Format) add(v *formatVersion) {
	fingerprint := v.schema.Fingerprint()
	if f.versions[fingerprint] != nil {
		panic(fmt.Sprintf("format %s: two versions with fingerprint %016x", f.name, fingerprint))
	}
	f.versions[fingerprint] = v
}

func mustEmbedded(file string) *Schema {
	var shared []*Schema
	for _, name := range append(sharedFiles[:len(sharedFiles):len(sharedFiles)], file) {
		text, err := avscFiles.ReadFile("avsc/" + name)
		if err != nil {
			panic(fmt.Sprintf("embedded schema: %v", err))
		}
		s, err := ParseSchema(text, shared...)
		if err != nil {
			panic(fmt.Sprintf("embedded schema %s: %v", name, err))
		}
		if name == file {
			return s
		}
		shared = append(shared, s)
	}
	panic("unreachable: the file is the last of the list")
}

// Schema is the schema in which records are written now.
func (f *Format) Schema() *Schema { return f.current }

// encode writes a record, given as goavro takes it: a map from field names to
// int64, int32, string, []byte, bool, float64, []any, further maps; a union as
// nil or a map with one entry, the name of the member ("long", "rondo.Map").
func (f *Format) encode(native map[string]any) ([]byte, error) {
	b := appendSingleObjectHeader(make([]byte, 0, 256), f.current.fingerprint)
	b, err := f.current.codec.BinaryFromNative(b, native)
	if err != nil {
		return nil, fmt.Errorf("encode %s record: %w", f.name, err)
	}
	return b, nil
}

// decode reads a record of any known version and returns it in the current
// one, in the form that encode takes. A format that is not known gives an
// *UnknownFormatError.
func (f *Format) decode(b []byte) (map[string]any, error) {
	fingerprint, body, ok := cutSingleObjectHeader(b)
	if !ok {
		return nil, fmt.Errorf("decode %s record: does not begin with the header of an Avro single object (C3 01)", f.name)
	}
	v := f.versions[fingerprint]
	if v == nil {
		return nil, &UnknownFormatError{Record: f.name, Fingerprint: fingerprint}
	}
	datum, err := v.schema.native(body, ownBounds)
	if err != nil {
		return nil, fmt.Errorf("decode %s record: %w", f.name, err)
	}
	native := datum.(map[string]any)
	for ; v.next != nil; v = v.next {
		native = v.upgrade(native)
	}
	return native, nil
}

// singleObjectHeaderBytes is the length of C3 01 and the fingerprint.
const singleObjectHeaderBytes = 10

func appendSingleObjectHeader(b []byte, fingerprint uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, 0xC3, 0x01), fingerprint)
}

// cutSingleObjectHeader splits an Avro single object; ok is false if b is none.
func cutSingleObjectHeader(b []byte) (fingerprint uint64, body []byte, ok bool) {
	if len(b) < singleObjectHeaderBytes || b[0] != 0xC3 || b[1] != 0x01 {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b[2:]), b[singleObjectHeaderBytes:], true
}

// native decodes one datum that is all of b, as goavro gives it.
func (s *Schema) native(b []byte, limits bounds) (any, error) {
	n, err := checkBinary(s.root, b, limits)
	if err != nil {
		return nil, err
	}
	if n < len(b) {
		return nil, &dataError{at: n, text: fmt.Sprintf("%d bytes are left over", len(b)-n)}
	}
	datum, _, err := s.codec.NativeFromBinary(b)
	if err != nil {
		return nil, &dataError{at: -1, text: err.Error()}
	}
	return datum, nil
}
