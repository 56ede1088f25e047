package schemas

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/sr"

	"rondo/topology"
	"rondo/topology/value"
)

// PayloadBytesMax is how many bytes an event may have where nothing else is said.
const PayloadBytesMax = 768 << 10

// Headers that are read. The others are handed on.
const (
	headerType       = "type"
	headerCloudEvent = "ce_type"
	headerSchema     = "__value_schema_id"
)

// Formats that a message may name.
const (
	formatAvro  = "avro"
	formatJSON  = "json"
	formatText  = "text"
	formatBytes = "bytes"
)

// Raw is a record of an input topic as it came.
type Raw struct {
	Topic   string
	Key     []byte
	Value   []byte // nil is a tombstone
	Headers []Header
}

// Bytes is how much there is of it.
func (r Raw) Bytes() int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// Decoded is what a Raw says.
type Decoded struct {
	// Types are the names under which the record may be a message, most exact
	// first; none if it does not tell. See topology.Record.
	Types   []string
	Payload value.Value // null for a tombstone
}

// Reader decodes the records of one topic as one definition sees them. It may
// be used by many goroutines.
type Reader struct {
	messages map[string]readMessage // by the name on the wire
	common   readMessage            // what all messages of the topic agree on
	files    map[uint64]*Schema     // by fingerprint
	registry *Registry
	bytesMax int  // of a record
	partly   bool // fields that a JSON Schema requires may be missing
}

// readMessage is how the records of a message are written.
type readMessage struct {
	types  []string    // its name on the wire; nil for what several have in common
	format string      // "" is found out per record
	schema *Schema     // of the message's schema file, or nil
	json   *jsonSchema // the same for JSON
}

// and is what two messages agree on.
func (how readMessage) and(other readMessage) readMessage {
	if how.format != other.format {
		how.format = ""
	}
	if how.schema != other.schema {
		how.schema = nil
	}
	if how.json != nil && (other.json == nil || how.json.name != other.json.name) {
		how.json = nil
	}
	return how
}

// NewReader returns a reader for the messages of one topic in one definition.
// The files are the definition's; registry may be nil. A record may have bytesMax
// bytes; 0: PayloadBytesMax. It fails for a schema file that is missing or wrong.
func NewReader(messages []*topology.Message, files map[string][]byte, registry *Registry, bytesMax int) (*Reader, error) {
	parsed, err := parseSchemaFiles(files, messages)
	if err != nil {
		return nil, fmt.Errorf("schema file %w", err)
	}
	r := &Reader{messages: map[string]readMessage{}, files: map[uint64]*Schema{}, registry: registry, bytesMax: cmp.Or(bytesMax, PayloadBytesMax)}
	for _, s := range parsed {
		r.files[s.Fingerprint()] = s
	}
	for i, m := range messages {
		how, err := readMessageOf(m, parsed, files)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			r.common = how
		}
		r.common = r.common.and(how)
		name := typeOnWire(m)
		if alike, ok := r.messages[name]; ok {
			how = alike.and(how) // messages of one type, told apart by `when`
		}
		how.types = []string{name}
		r.messages[name] = how
	}
	return r, nil
}

func readMessageOf(m *topology.Message, files schemaFiles, texts map[string][]byte) (how readMessage, err error) {
	how.format, err = formatOf(m)
	switch {
	case err != nil || !m.SchemaFile():
	case how.format == formatAvro:
		how.schema, err = files.of(m)
	case how.format == formatJSON:
		how.json, err = compileJSONSchema(m.Schema, texts)
	}
	if err != nil {
		return how, fmt.Errorf("message %s: %w", m.Name, err)
	}
	return how, nil
}

func typeOnWire(m *topology.Message) string {
	if m.Type != "" {
		return m.Type
	}
	return m.Name
}

// Types returns the record's type names without decoding it, if they can be
// had that cheaply: from the headers, or from a schema that is known already.
// ok is false if only Decode can tell.
func (r *Reader) Types(raw Raw) (types []string, ok bool) {
	if name, ok := typeHeader(raw.Headers); ok {
		return r.typesNamed(name), true
	}
	switch {
	case raw.Value == nil || r.common.format == formatText || r.common.format == formatBytes:
		return nil, true
	case r.common.format == formatJSON:
		return nil, false
	}
	if f, err := r.frame(raw); err == nil && f.kind == frameObject {
		return f.schema.typeNames(f.body), true
	} else if err == nil && f.kind == frameID && r.registry != nil {
		if s := r.registry.peek(f.id); s != nil && s.schema != nil {
			return s.schema.typeNames(f.body), true
		}
	}
	return nil, false
}

// Knows reports whether a record with these type names can be one of the
// reader's messages. A record without a name can be, unless it is a tombstone:
// `when` may tell what it is.
func (r *Reader) Knows(types []string, raw Raw) bool {
	if len(types) == 0 {
		return raw.Value != nil
	}
	for _, name := range types {
		if _, ok := r.messages[name]; ok {
			return true
		}
	}
	return false
}

// typesNamed are the type names of a record that a header says is of that type.
func (r *Reader) typesNamed(name []byte) []string {
	if m, ok := r.messages[string(name)]; ok {
		return m.types
	}
	return []string{string(name)}
}

// typeHeader returns the header `type`, else `ce_type`.
func typeHeader(headers []Header) ([]byte, bool) {
	for _, name := range [...]string{headerType, headerCloudEvent} {
		if v, ok := lastHeader(headers, name); ok && len(v) > 0 && utf8.Valid(v) {
			return v, true
		}
	}
	return nil, false
}

// lastHeader returns the last header of a name, which is the one that counts.
func lastHeader(headers []Header, name string) ([]byte, bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == name {
			return headers[i].Value, true
		}
	}
	return nil, false
}

// HeaderMap returns headers as the language sees them: the last of each name,
// as text, or as bytes where it is not UTF-8; a null value is null.
func HeaderMap(headers []Header) *value.Map {
	if !slices.IsSortedFunc(headers, byKey) {
		headers = slices.Clone(headers)
		slices.SortStableFunc(headers, byKey)
	}
	var m value.MapBuilder
	m.Grow(len(headers))
	for i, h := range headers {
		switch {
		case i+1 < len(headers) && headers[i+1].Key == h.Key: // a later one counts
		case !utf8.ValidString(h.Key): // no expression could name it
		default:
			m.Add(h.Key, headerValue(h.Value))
		}
	}
	out, _, _ := m.Map() // of each name there is one
	return out
}

func byKey(a, b Header) int { return strings.Compare(a.Key, b.Key) }

func headerValue(b []byte) value.Value {
	switch {
	case b == nil:
		return nil
	case utf8.Valid(b):
		return string(b)
	}
	return append([]byte{}, b...)
}

// Decode decodes a record. An *Undecodable says that it never will be: a dead
// letter. An error that wraps ErrRegistryUnavailable says to wait and ask
// again; the only other errors are those of ctx.
func (r *Reader) Decode(ctx context.Context, raw Raw) (Decoded, error) {
	if bytes := raw.Bytes(); bytes > r.bytesMax {
		return Decoded{}, &Undecodable{Code: CodeTooLarge, Text: fmt.Sprintf("value, key and headers have %d bytes; an event may have %d", bytes, r.bytesMax)}
	}
	how := r.common
	name, named := typeHeader(raw.Headers)
	if named {
		if m, ok := r.messages[string(name)]; ok {
			how = m
		}
	}
	var d Decoded
	var err error
	if raw.Value != nil {
		d, err = r.decode(ctx, how, raw)
	}
	if named {
		d.Types = r.typesNamed(name)
	}
	if err == nil && raw.Value != nil {
		err = r.fits(how, d)
	}
	return d, err
}

// fits checks a payload in JSON by the schema of its message: that of its type, or
// the one that all messages of the topic have. What is of another type is nobody's.
func (r *Reader) fits(how readMessage, d Decoded) error {
	if len(d.Types) > 0 {
		how = r.messages[d.Types[0]]
	}
	if how.json == nil {
		return nil
	}
	if wrong := how.json.misfitOfRead(d.Payload, r.partly); wrong != "" {
		return undecodable("JSON: %s", wrong)
	}
	return nil
}

func (r *Reader) decode(ctx context.Context, how readMessage, raw Raw) (Decoded, error) {
	switch how.format {
	case formatJSON:
		return decodeJSON(withoutFrame(raw.Value))
	case formatText:
		if !utf8.Valid(raw.Value) {
			return Decoded{}, undecodable("the text is not valid UTF-8")
		}
		return Decoded{Payload: string(raw.Value)}, nil
	case formatBytes:
		return Decoded{Payload: append([]byte{}, raw.Value...)}, nil
	case formatAvro:
		return r.decodeAvro(ctx, how, raw)
	}
	f, err := r.frame(raw)
	if err != nil {
		return Decoded{}, err
	}
	if f.kind == frameNone {
		return decodeJSON(raw.Value)
	}
	return r.decodeFramed(ctx, f, len(raw.Value)-len(f.body))
}

// decodeAvro reads Avro of a message that says it is. Where a registry is
// configured, every record carries a frame; where none is, a record without
// one is read by the message's schema file.
func (r *Reader) decodeAvro(ctx context.Context, how readMessage, raw Raw) (Decoded, error) {
	f, err := r.frame(raw)
	bare := r.registry == nil && how.schema != nil && (err != nil || f.kind == frameNone || f.kind == frameID)
	if bare {
		return r.decodeBare(how.schema, raw.Value, f, err)
	}
	if err != nil {
		return Decoded{}, err
	}
	if f.kind == frameNone {
		return Decoded{}, r.unframed()
	}
	return r.decodeFramed(ctx, f, len(raw.Value)-len(f.body))
}

func (r *Reader) unframed() *Undecodable {
	if r.registry != nil {
		return undecodable("the value does not begin with the id of a schema, as all Avro does where a registry is used " +
			"(a zero byte and four more, or C3 01 and a fingerprint)")
	}
	return undecodable("the value is Avro without a fingerprint, and no message tells its schema: " +
		"name a schema file in the message, and the message in the header `type`")
}

// decodeBare reads a value without a frame. A frame that could not be used is
// mentioned if the value turns out not to be bare.
func (r *Reader) decodeBare(s *Schema, b []byte, f frame, frameErr error) (Decoded, error) {
	d, err := decodeBy(s, b, 0)
	var bad *Undecodable
	if err == nil || !errors.As(err, &bad) {
		return d, err
	}
	switch {
	case frameErr != nil:
		bad.Text += "; or, if it is framed: " + textOf(frameErr)
	case f.kind == frameID:
		bad.Text += fmt.Sprintf("; or it begins with the schema id %d, and no schema registry is configured", f.id)
	}
	return d, bad
}

func textOf(err error) string {
	var bad *Undecodable
	if errors.As(err, &bad) {
		return bad.Text
	}
	return err.Error()
}

// decodeFramed decodes what stands behind a frame of so many bytes.
func (r *Reader) decodeFramed(ctx context.Context, f frame, frameBytes int) (Decoded, error) {
	if f.kind == frameObject {
		return decodeBy(f.schema, f.body, frameBytes)
	}
	if r.registry == nil {
		return Decoded{}, undecodable("the value was written with %s of a schema registry, but no registry is configured (setting: registry)", f)
	}
	var s *registered
	var err error
	if f.kind == frameID {
		s, err = r.registry.byID(ctx, f.id)
	} else {
		s, err = r.registry.byGUID(ctx, f.guid)
	}
	switch {
	case err != nil:
		return Decoded{}, err
	case s.kind == sr.TypeJSON:
		return decodeJSON(f.body)
	case s.schema == nil:
		return Decoded{}, undecodable("%s is %v, which cannot be read: Avro and JSON can", f, s.kind)
	}
	d, err := decodeBy(s.schema, f.body, frameBytes)
	var bad *Undecodable
	if errors.As(err, &bad) {
		bad.Text = fmt.Sprintf("%s: %s", f, bad.Text)
	}
	return d, err
}

// decodeBy decodes an Avro datum that stands behind so many other bytes of the
// value, which count for the place of what is wrong.
func decodeBy(s *Schema, b []byte, before int) (Decoded, error) {
	v, err := s.Decode(b)
	if err != nil {
		if bad := (*dataError)(nil); errors.As(err, &bad) && bad.at >= 0 {
			bad.at += before
		}
		name := ""
		if names := s.typeNames(b); len(names) > 0 {
			name = " " + names[0]
		}
		return Decoded{}, undecodable("Avro%s: %v", name, err)
	}
	return Decoded{Types: s.typeNames(b), Payload: v}, nil
}

// decodeJSON reads JSON; the type is what the field `type` says, if it is text.
func decodeJSON(b []byte) (Decoded, error) {
	v, err := value.FromJSON(b)
	if err != nil {
		return Decoded{}, undecodable("JSON: %v", err)
	}
	d := Decoded{Payload: v}
	if m, ok := v.(*value.Map); ok {
		if name, ok := m.Lookup("type"); ok {
			if name, ok := name.(string); ok && name != "" {
				d.Types = []string{name}
			}
		}
	}
	return d, nil
}

// frameKind is how a value tells its schema.
type frameKind uint8

const (
	frameNone   frameKind = iota
	frameID               // the Confluent wire format: 0 and the id of a schema; or the id in a header
	frameGUID             // a schema's GUID in a header
	frameObject           // an Avro single object, of a schema file
)

// frame is what stands around a value.
type frame struct {
	kind   frameKind
	id     int
	guid   string
	schema *Schema
	body   []byte
}

func (f frame) String() string {
	if f.kind == frameGUID {
		return "schema " + f.guid
	}
	return fmt.Sprintf("schema id %d", f.id)
}

// confluentHeaderBytes is the length of the zero byte and the id.
const confluentHeaderBytes = 5

// frame finds out how a value tells its schema. What looks like an Avro single
// object of an unknown schema, and a header that makes no sense, are errors.
func (r *Reader) frame(raw Raw) (frame, error) {
	b := raw.Value
	if h, ok := lastHeader(raw.Headers, headerSchema); ok {
		return headerFrame(h, b)
	}
	if fingerprint, body, ok := cutSingleObjectHeader(b); ok {
		if s := r.files[fingerprint]; s != nil {
			return frame{kind: frameObject, schema: s, body: body}, nil
		}
		return frame{}, undecodable("the value names the Avro schema with the fingerprint %016x, "+
			"which none of the definition's schema files has", fingerprint)
	}
	if len(b) >= confluentHeaderBytes && b[0] == 0 {
		return frame{kind: frameID, id: int(binary.BigEndian.Uint32(b[1:])), body: b[confluentHeaderBytes:]}, nil
	}
	return frame{kind: frameNone, body: b}, nil
}

// headerFrame reads the header __value_schema_id: 0 and an id of four bytes,
// or 1 and a GUID of sixteen.
func headerFrame(h, body []byte) (frame, error) {
	switch {
	case len(h) == confluentHeaderBytes && h[0] == 0:
		return frame{kind: frameID, id: int(binary.BigEndian.Uint32(h[1:])), body: body}, nil
	case len(h) == 17 && h[0] == 1:
		return frame{kind: frameGUID, guid: uuidText(h[1:]), body: body}, nil
	}
	return frame{}, undecodable("the header %s has %d bytes, which is neither 0 and a schema id nor 1 and a GUID", headerSchema, len(h))
}

// withoutFrame removes the schema id that serializers of JSON Schema put in
// front: no JSON begins with a zero byte.
func withoutFrame(b []byte) []byte {
	if len(b) > confluentHeaderBytes && b[0] == 0 {
		return b[confluentHeaderBytes:]
	}
	return b
}
