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
)

// schemas reads the schema files that the messages name, each once.
func (p *parser) schemas(def *Definition, files func(name string) ([]byte, error)) map[string][]byte {
	out := map[string][]byte{}
	for _, m := range def.Messages {
		if _, known := out[m.Schema]; known || !m.SchemaFile() || m.Format == "text" || m.Format == "bytes" {
			continue
		}
		text, err := readSchema(m.Schema, files)
		if err != nil {
			p.report(spanOf(m.SchemaPos, m.Schema), codeSchemaFile, fmt.Sprintf("the schema of `%s` cannot be read: %v", m.Name, err)).
				help("schema files are named relative to the definition; a subject of the registry has no slash and does not end in .avsc or .json")
			text = nil
		}
		out[m.Schema] = text
	}
	return out
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
