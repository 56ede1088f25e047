package topology

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"

	"rondo/topology/diag"
)

// schemas reads the schema files that messages and tables name, each once.
func (p *parser) schemas(def *Definition, files func(name string) ([]byte, error)) map[string][]byte {
	out := map[string][]byte{}
	for _, m := range def.Messages {
		if m.Format != "text" && m.Format != "bytes" {
			p.schema(out, m.Name, m.Schema, m.SchemaPos, files)
		}
	}
	for _, t := range def.Tables {
		if t.Format != "text" && t.Format != "bytes" {
			p.schema(out, t.Name, t.Schema, t.SchemaPos, files)
		}
	}
	return out
}

// schema adds the text of one schema file to out, nil where it cannot be read.
func (p *parser) schema(out map[string][]byte, owner, name string, at diag.Pos, files func(name string) ([]byte, error)) {
	if _, known := out[name]; known || !namesFile(name) {
		return
	}
	text, err := readSchema(name, files)
	if err != nil {
		p.report(spanOf(at, name), codeSchemaFile, fmt.Sprintf("the schema of `%s` cannot be read: %v", owner, err)).
			help("schema files are named relative to the definition; a subject of the registry has no slash and does not end in .avsc or .json")
		text = nil
	}
	out[name] = text
}

func readSchema(name string, files func(name string) ([]byte, error)) ([]byte, error) {
	if files == nil {
		return nil, errors.New("there are no files beside this definition")
	}
	text, err := files(name)
	if err == nil && len(text) > sourceMaxBytes {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", name, len(text), sourceMaxBytes)
	}
	return text, err
}

// Digest is the identity of what was written: the SHA-256, in hex, over the
// source and the files that it names. Two definitions with the same digest are
// the same to the last character.
func (d *Definition) Digest() string {
	h := sha256.New()
	h.Write([]byte("rondo definition 1\n"))
	hashField(h, d.Source)
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		hashField(h, []byte(name))
		hashField(h, d.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashField adds a text with its length before it, so that no two lists of
// fields give the same bytes. A hash's Write returns no error.
func hashField(h hash.Hash, field []byte) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(field)))
	h.Write(size[:])
	h.Write(field)
}
