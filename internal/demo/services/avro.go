package services

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/linkedin/goavro/v2"
)

// Codecs are the Avro schemas of a story. Records are in single-object encoding:
// two marker bytes, the fingerprint of the schema, the data.
type Codecs struct {
	byName  map[string]*schema
	byPrint map[uint64]*schema
}

// schema is one record's.
type schema struct {
	name  string
	print uint64
	codec *goavro.Codec
}

// LoadCodecs reads the schemas in files *.avsc, among which those of the named
// records must be.
func LoadCodecs(schemas fs.FS, records ...string) (*Codecs, error) {
	files, err := fs.Glob(schemas, "*.avsc")
	if err != nil {
		return nil, fmt.Errorf("find the schemas: %w", err)
	}
	c := &Codecs{byName: map[string]*schema{}, byPrint: map[uint64]*schema{}}
	for _, name := range files {
		if err := c.load(schemas, name); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
	}
	for _, name := range records {
		if c.byName[name] == nil {
			return nil, fmt.Errorf("no schema file is of the record %s", name)
		}
	}
	return c, nil
}

func (c *Codecs) load(schemas fs.FS, file string) error {
	text, err := fs.ReadFile(schemas, file)
	if err != nil {
		return err
	}
	parsed, err := parseSchema(text)
	if err != nil {
		return err
	}
	c.byName[parsed.name], c.byPrint[parsed.print] = parsed, parsed
	return nil
}

// parseSchema reads a schema. Its fingerprint is that of the schema without
// logical types: goavro's canonical form keeps traces of them, which Avro's does
// not.
func parseSchema(text []byte) (*schema, error) {
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	name, _ := tree["name"].(string)
	codec, err := goavro.NewCodec(string(text))
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(withoutLogicalTypes(tree))
	if err != nil {
		return nil, err
	}
	bare, err := goavro.NewCodec(string(plain))
	if err != nil {
		return nil, err
	}
	return &schema{name: name, print: bare.Rabin, codec: codec}, nil
}

// withoutLogicalTypes replaces each type that only a logical type was said of by
// its plain name.
func withoutLogicalTypes(tree any) any {
	switch t := tree.(type) {
	case []any:
		for i := range t {
			t[i] = withoutLogicalTypes(t[i])
		}
	case map[string]any:
		if plain, ok := t["type"].(string); ok && t["logicalType"] != nil && t["name"] == nil {
			return plain
		}
		for name := range t {
			t[name] = withoutLogicalTypes(t[name])
		}
	}
	return tree
}

// Read decodes a value and says its Avro name; "" for a schema that is none of
// the story's.
func (c *Codecs) Read(value []byte) (name string, native map[string]any, err error) {
	print, body, err := goavro.FingerprintFromSOE(value)
	if err != nil {
		return "", nil, fmt.Errorf("decode Avro record: %w", err)
	}
	schema, ok := c.byPrint[print]
	if !ok {
		return "", nil, nil
	}
	datum, _, err := schema.codec.NativeFromBinary(body)
	if err != nil {
		return "", nil, fmt.Errorf("decode %s: %w", schema.name, err)
	}
	native, ok = datum.(map[string]any)
	if !ok {
		return "", nil, fmt.Errorf("decode %s: not a record", schema.name)
	}
	return schema.name, native, nil
}

// Write is an event of the named record, whose type its schema tells.
func (c *Codecs) Write(name string, native map[string]any) (Answer, error) {
	schema := c.byName[name]
	value := binary.LittleEndian.AppendUint64([]byte{0xc3, 0x01}, schema.print)
	value, err := schema.codec.BinaryFromNative(value, native)
	if err != nil {
		return Answer{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return Answer{Value: value}, nil
}

// Text reads a string field, also one that is a union with null.
func Text(native map[string]any, field string) string {
	switch v := native[field].(type) {
	case string:
		return v
	case map[string]any:
		s, _ := v["string"].(string)
		return s
	}
	return ""
}
