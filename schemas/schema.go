package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linkedin/goavro/v2"
)

// Limits of a schema's text: far beyond what people write, low enough that a
// hostile one costs nothing.
const (
	schemaTextBytesMax = 1 << 20
	schemaDepthMax     = 100
	schemaTypesMax     = 10_000
)

// Schema is one Avro schema, ready to decode and encode. It is immutable and
// may be used by many goroutines.
//
// goavro reads and writes the binary form, but it neither tells what is in a
// schema nor treats logical types evenly (some come as Go times, some as bare
// numbers), so the schema is parsed here as well: the model finds the
// fingerprint, checks bytes before goavro allocates for them, and converts
// between goavro's natives and values. goavro itself sees a plain schema,
// without logical types and defaults.
type Schema struct {
	root        *node
	named       map[string]*node // full name → type, also those of other schemas that it refers to
	canonical   string
	fingerprint uint64
	codec       *goavro.Codec
}

// ParseSchema parses the JSON text of an Avro schema. Names that it does not
// define itself are looked for in others.
func ParseSchema(text []byte, others ...*Schema) (*Schema, error) {
	if len(text) > schemaTextBytesMax {
		return nil, fmt.Errorf("avro schema: %d bytes are more than %d", len(text), schemaTextBytesMax)
	}
	tree, err := schemaTree(text)
	if err != nil {
		return nil, fmt.Errorf("avro schema: %w", err)
	}
	p := &schemaParser{named: map[string]*node{}, others: others}
	root, err := p.parse(tree, "", 0)
	if err != nil {
		return nil, fmt.Errorf("avro schema: %w", err)
	}
	s := &Schema{root: root, named: p.named, canonical: renderSchema(root, plainName, renderMap)}
	s.fingerprint = crc64Avro([]byte(s.canonical))
	s.codec, err = goavro.NewCodec(renderSchema(root, wireName, renderWireMap))
	if err != nil {
		return nil, fmt.Errorf("avro schema: %w", err)
	}
	p.resolveDefaults()
	return s, nil
}

// schemaTree parses the text as JSON; a bare word (`long`) is a schema too.
func schemaTree(text []byte) (any, error) {
	if trimmed := strings.TrimSpace(string(text)); primitives[trimmed] != 0 || trimmed == "null" {
		return trimmed, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: more text behind the schema")
	}
	return tree, nil
}

// Name is the full name of the schema's type, the record's "com.acme.Order";
// "" for a type without a name.
func (s *Schema) Name() string { return s.root.name }

// Canonical is the schema in Avro's Parsing Canonical Form.
func (s *Schema) Canonical() string { return s.canonical }

// Fingerprint is the CRC-64-AVRO of the canonical form.
func (s *Schema) Fingerprint() uint64 { return s.fingerprint }

// kind is an Avro type.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindFixed
	kindArray
	kindMap
	kindUnion
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "fixed", "array", "map", "union"}

func (k kind) String() string { return kindNames[k] }

var primitives = map[string]kind{"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong,
	"float": kindFloat, "double": kindDouble, "bytes": kindBytes, "string": kindString}

// node is one type of a schema. A type that is named twice is one node, so a
// recursive schema is a cyclic graph.
type node struct {
	kind    kind
	logical string // "" or one of the logical types that are converted
	scale   int    // of a decimal
	digits  int    // precision of a decimal

	name      string   // full name of a record, enum or fixed
	typeNames []string // name, and its part behind the last dot; nil: it has none
	fields    []field
	index     map[string]int // field name → place in fields
	byName    []int          // places in fields, in the order of the names
	symbols   []string
	size      int     // of a fixed
	item      *node   // of an array or a map
	branches  []*node // of a union
}

// field is one field of a record.
type field struct {
	name string
	typ  *node

	defaultJSON any  // as it stands in the schema
	hasDefault  bool // whether it stands there
	def         any  // the default as goavro takes it, once resolved
	defErr      error
}

// key is what a union's member is called: the full name, or the type.
func (n *node) key() string {
	if n.name != "" {
		return n.name
	}
	return n.kind.String()
}

// wireKey is the same as goavro calls it.
func (n *node) wireKey() string {
	switch {
	case n.name != "":
		return wireName(n.name)
	case n.kind == kindMap:
		return wireMapName
	}
	return n.kind.String()
}

func plainName(full string) string { return full }

// wireName is the name under which goavro knows a named type. It differs from
// the full name where goavro would mistake it: a name without a namespace
// would be put into the enclosing one, and a type called "map" taken for a map.
func wireName(full string) string {
	short := full[strings.LastIndexByte(full, '.')+1:]
	if short == full {
		full = "_." + full
	}
	if complexTypes[short] {
		full += "_"
	}
	return full
}

// renderSchema writes a schema in Parsing Canonical Form, with its types
// called by name and its maps written by asMap.
func renderSchema(root *node, name func(string) string, asMap func(r *schemaRenderer, values *node)) string {
	var b strings.Builder
	r := schemaRenderer{b: &b, name: name, asMap: asMap, seen: map[*node]bool{}}
	r.render(root)
	return b.String()
}

type schemaRenderer struct {
	b     *strings.Builder
	name  func(string) string
	asMap func(r *schemaRenderer, values *node)
	seen  map[*node]bool
}

func renderMap(r *schemaRenderer, values *node) {
	r.b.WriteString(`{"type":"map","values":`)
	r.render(values)
	r.b.WriteByte('}')
}

// wireMapName is what goavro knows every map as.
const wireMapName = "_.Map"

// renderWireMap shows goavro a map as a record of an array of entries. The
// binary form of the two is the same, but goavro writes the entries of a map
// in random order and those of an array as they stand.
func renderWireMap(r *schemaRenderer, values *node) {
	r.b.WriteString(`{"name":"` + wireMapName + `","type":"record","fields":[{"name":"entries","type":{"type":"array","items":` +
		`{"name":"_.Entry","type":"record","fields":[{"name":"key","type":"string"},{"name":"value","type":`)
	r.render(values)
	r.b.WriteString("}]}}}]}")
}

func (r *schemaRenderer) render(n *node) {
	switch {
	case n.name != "" && r.seen[n]:
		r.quote(r.name(n.name))
	case n.kind == kindRecord:
		r.seen[n] = true
		r.renderRecord(n)
	case n.kind == kindEnum:
		r.seen[n] = true
		r.renderEnum(n)
	case n.kind == kindFixed:
		r.seen[n] = true
		fmt.Fprintf(r.b, `{"name":"%s","type":"fixed","size":%d}`, r.name(n.name), n.size)
	case n.kind == kindArray:
		r.b.WriteString(`{"type":"array","items":`)
		r.render(n.item)
		r.b.WriteByte('}')
	case n.kind == kindMap:
		r.asMap(r, n.item)
	case n.kind == kindUnion:
		r.renderUnion(n)
	default:
		r.quote(n.kind.String())
	}
}

func (r *schemaRenderer) renderRecord(n *node) {
	fmt.Fprintf(r.b, `{"name":"%s","type":"record","fields":[`, r.name(n.name))
	for i, f := range n.fields {
		if i > 0 {
			r.b.WriteByte(',')
		}
		fmt.Fprintf(r.b, `{"name":"%s","type":`, f.name)
		r.render(f.typ)
		r.b.WriteByte('}')
	}
	r.b.WriteString("]}")
}

func (r *schemaRenderer) renderEnum(n *node) {
	fmt.Fprintf(r.b, `{"name":"%s","type":"enum","symbols":["%s"]}`, r.name(n.name), strings.Join(n.symbols, `","`))
}

func (r *schemaRenderer) renderUnion(n *node) {
	r.b.WriteByte('[')
	for i, branch := range n.branches {
		if i > 0 {
			r.b.WriteByte(',')
		}
		r.render(branch)
	}
	r.b.WriteByte(']')
}

func (r *schemaRenderer) quote(s string) { r.b.WriteString(`"` + s + `"`) }

// crc64Avro is the 64-bit Rabin fingerprint of the Avro specification,
// section "Schema Fingerprints".
func crc64Avro(b []byte) uint64 {
	const empty = 0xc15d213aa4d7a795
	fp := uint64(empty)
	for _, c := range b {
		fp ^= uint64(c)
		for range 8 {
			fp = fp>>1 ^ empty&-(fp&1)
		}
	}
	return fp
}
