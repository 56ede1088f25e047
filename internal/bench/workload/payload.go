package workload

import (
	"fmt"
	"io/fs"
	"strconv"

	"github.com/linkedin/goavro/v2"
)

// idLength is the length of every case's id, so that an id can be stamped into
// bytes that were encoded for another.
const idLength = 16

// An id is a tag of its run, a dash and its number in decimal digits.
const (
	tagLength    = 4
	numberLength = idLength - tagLength - 1
)

// caseID is the id of the nth case of a run.
func caseID(tag string, n int64) []byte {
	id := make([]byte, 0, idLength)
	id = append(id, tag...)
	id = append(id, '-')
	digits := strconv.FormatInt(n, 10)
	for range numberLength - len(digits) {
		id = append(id, '0')
	}
	return append(id, digits...)
}

// caseOf is the number of the case with this id; -1 if it is not of the run.
func caseOf(tag string, id []byte) int64 {
	if len(id) != idLength || string(id[:tagLength]) != tag || id[tagLength] != '-' {
		return -1
	}
	n := int64(0)
	for _, digit := range id[tagLength+1:] {
		if digit < '0' || digit > '9' {
			return -1
		}
		n = n*10 + int64(digit-'0')
	}
	return n
}

// payload is an Avro record in single-object encoding whose first field is an
// id: two marker bytes, the fingerprint of eight, the length of the id, the id.
type payload []byte

const idAt = 2 + 8 + 1

// encode encodes a record of the schema in definitions/schemas, its id blank.
func encode(schema string, fields map[string]any) (payload, error) {
	return encodeBy(definitions, "definitions/schemas/"+schema, "id", fields)
}

// encodeBy encodes a record whose first field is the id.
func encodeBy(files fs.FS, schema, id string, fields map[string]any) (payload, error) {
	text, err := fs.ReadFile(files, schema)
	if err != nil {
		return nil, fmt.Errorf("read the schema %s: %w", schema, err)
	}
	codec, err := goavro.NewCodec(string(text))
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", schema, err)
	}
	native := map[string]any{id: string(make([]byte, idLength))}
	for name, value := range fields {
		native[name] = value
	}
	value, err := codec.SingleFromNative(nil, native)
	if err != nil {
		return nil, fmt.Errorf("encode by the schema %s: %w", schema, err)
	}
	return value, nil
}

// of is the payload with an id stamped in.
func (p payload) of(id []byte) []byte {
	value := make([]byte, len(p))
	copy(value, p)
	copy(value[idAt:], id)
	return value
}
