package services

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/linkedin/goavro/v2"
)

// Codecs are the Avro schemas of a story. Records are in single-object encoding:
// two marker bytes, the fingerprint of the schema, the data.
type Codecs struct {
	byName  map[string]*goavro.Codec
	names   map[uint64]string // by fingerprint
	byPrint map[uint64]*goavro.Codec
}

// LoadCodecs reads the schemas in files *.avsc, among which those of the named
// records must be.
func LoadCodecs(schemas fs.FS, records ...string) (*Codecs, error) {
	files, err := fs.Glob(schemas, "*.avsc")
	if err != nil {
		return nil, fmt.Errorf("find the schemas: %w", err)
	}
	c := &Codecs{byName: map[string]*goavro.Codec{}, names: map[uint64]string{}, byPrint: map[uint64]*goavro.Codec{}}
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
	var record struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return err
	}
	codec, err := goavro.NewCodec(string(text))
	if err != nil {
		return err
	}
	c.byName[record.Name] = codec
	c.names[codec.Rabin], c.byPrint[codec.Rabin] = record.Name, codec
	return nil
}

// Read decodes a value and says its Avro name; "" for a schema that is none of
// the story's.
func (c *Codecs) Read(value []byte) (name string, native map[string]any, err error) {
	print, _, err := goavro.FingerprintFromSOE(value)
	if err != nil {
		return "", nil, fmt.Errorf("decode Avro record: %w", err)
	}
	codec, ok := c.byPrint[print]
	if !ok {
		return "", nil, nil
	}
	datum, _, err := codec.NativeFromSingle(value)
	if err != nil {
		return "", nil, fmt.Errorf("decode %s: %w", c.names[print], err)
	}
	native, ok = datum.(map[string]any)
	if !ok {
		return "", nil, fmt.Errorf("decode %s: not a record", c.names[print])
	}
	return c.names[print], native, nil
}

// Write is an event of the named record, whose type its schema tells.
func (c *Codecs) Write(name string, native map[string]any) (Answer, error) {
	value, err := c.byName[name].SingleFromNative(nil, native)
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
