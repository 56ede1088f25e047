package schemas

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
	"rondo/topology/value"
)

// Wire carries payloads from a service's hand to a decision without a broker:
// it writes a record and reads it again, so that a test sees what a node would.
// It may be used by many goroutines.
type Wire struct {
	messages map[string]writeMessage // by the name in the definition
	readers  map[string]*Reader      // by topic
	rows     map[string]rowWire      // by the table's name in the definition
}

// rowWire carries rows of one table.
type rowWire struct {
	how    writeMessage
	reader *Reader
}

// NewWire returns a Wire for all messages and tables of def. Where registry is nil,
// those whose schema is a subject of one are carried as they are. Errors are as
// those of NewWriter.
func NewWire(ctx context.Context, def *topology.Definition, registry *Registry) (*Wire, error) {
	files, err := parseSchemaFiles(def.Files, avroUsers(def))
	if err != nil {
		return nil, fmt.Errorf("schema file %w", err)
	}
	w := &Wire{map[string]writeMessage{}, map[string]*Reader{}, map[string]rowWire{}}
	topics := map[string][]*topology.Message{}
	for _, m := range def.Messages {
		topics[m.Topic] = append(topics[m.Topic], m)
		if registry == nil && asksRegistry(m) {
			continue
		}
		how, err := writeMessageOf(ctx, m, files, def.Files, registry)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", m.Name, err)
		}
		how.partly = true // a test names what matters to it
		w.messages[m.Name] = how
	}
	for topic, messages := range topics {
		if w.readers[topic], err = NewReader(messages, def.Files, registry, 0); err != nil {
			return nil, err
		}
		w.readers[topic].partly = true
	}
	for _, t := range def.Tables {
		if registry == nil && asksRegistry(messageOfTable(t)) {
			continue
		}
		if w.rows[t.Name], err = rowWireOf(ctx, t, files, def.Files, registry); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return w, nil
}

// rowWireOf carries the rows of a table. A schema in a file is enough by itself: who
// only reads the table need not have registered it.
func rowWireOf(ctx context.Context, t *topology.Table, files schemaFiles, texts map[string][]byte, registry *Registry) (out rowWire, err error) {
	m := messageOfTable(t)
	if m.SchemaFile() {
		registry = nil
	}
	if out.how, err = writeMessageOf(ctx, m, files, texts, registry); err != nil {
		return out, err
	}
	if out.reader, err = NewReader([]*topology.Message{m}, texts, registry, 0); err == nil {
		out.how.partly, out.reader.partly = true, true
	}
	return out, err
}

// asksRegistry reports whether the schema of a message is a subject of a registry.
func asksRegistry(m *topology.Message) bool {
	return !m.SchemaFile() && (m.Format == formatAvro || m.Schema != "")
}

// Carry returns what a record with this payload, of a message of the
// definition, is decoded to. Texts stand for what a test cannot write otherwise:
// timestamps (RFC 3339), bytes (base64) and decimals. A field that is left out
// has its default, else a neutral value (0, false, "", the first symbol, …): a
// test names what matters to it. It fails for a payload that the message's schema
// does not allow.
func (w *Wire) Carry(ctx context.Context, m *topology.Message, payload value.Value) (value.Value, error) {
	how, ok := w.messages[m.Name]
	if !ok || payload == nil {
		return payload, nil
	}
	return carry(ctx, how, w.readers[m.Topic], m, payload)
}

// CarryRow is Carry for a row of a table of the definition.
func (w *Wire) CarryRow(ctx context.Context, t *topology.Table, row value.Value) (value.Value, error) {
	wire, ok := w.rows[t.Name]
	if !ok || row == nil {
		return row, nil
	}
	return carry(ctx, wire.how, wire.reader, messageOfTable(t), row)
}

func carry(ctx context.Context, how writeMessage, reader *Reader, m *topology.Message, payload value.Value) (value.Value, error) {
	if how.schema != nil {
		payload = written(how.schema.root, payload)
	} else if text, isText := payload.(string); isText && how.format == formatBytes {
		payload = bytesOf(text)
	} else if how.format == formatJSON && hasNumbers(payload, false) {
		payload = withWideNumbers(payload)
	}
	b, err := how.encode(payload)
	if err != nil {
		return nil, err
	}
	name := Header{Key: headerType, Value: []byte(typeOnWire(m))}
	d, err := reader.Decode(ctx, Raw{Topic: m.Topic, Value: b, Headers: []Header{name}})
	if bad := (*Undecodable)(nil); errors.As(err, &bad) {
		return nil, errors.New(bad.Text)
	}
	return d.Payload, err
}

// withWideNumbers has whole numbers beyond 64 bits written as numbers: that is what a
// service has them as, whatever a node would write where the schema allows text too.
func withWideNumbers(v value.Value) value.Value {
	switch v := v.(type) {
	case *apd.Decimal:
		if digits, ok := value.WideWhole(v); ok {
			return value.JSONNumber(digits)
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withWideNumbers(item)
		}
		return out
	case *value.Map:
		out := make(map[string]value.Value, v.Len())
		for name, item := range v.All() {
			out[name] = withWideNumbers(item)
		}
		return value.MapOf(out)
	}
	return v
}

// Read decodes the value of a record of one of the definition's topics.
func (w *Wire) Read(ctx context.Context, raw Raw) (value.Value, error) {
	reader := w.readers[raw.Topic]
	if reader == nil {
		return nil, fmt.Errorf("no message of the definition is in the topic %s", raw.Topic)
	}
	d, err := reader.Decode(ctx, raw)
	return d.Payload, err
}

// written replaces the texts that stand for values of other kinds. What does not
// fit stays as it is: encoding says so better.
func written(n *node, v value.Value) value.Value {
	switch n.kind {
	case kindRecord:
		return writtenRecord(n, v)
	case kindMap:
		if m, isMap := v.(*value.Map); isMap {
			out := m
			for name, item := range m.All() {
				out = out.With(name, written(n.item, item))
			}
			return out
		}
	case kindArray:
		if list, isList := v.([]any); isList {
			out := make([]any, len(list))
			for i, item := range list {
				out[i] = written(n.item, item)
			}
			return out
		}
	case kindUnion:
		return writtenUnion(n, v)
	default:
		if text, isText := v.(string); isText {
			return writtenText(n, text)
		}
	}
	return v
}

func writtenRecord(n *node, v value.Value) value.Value {
	m, isMap := v.(*value.Map)
	if !isMap {
		return v
	}
	out := m
	for name, item := range m.All() {
		if i, ok := n.index[name]; ok {
			out = out.With(name, written(n.fields[i].typ, item))
		}
	}
	return withNeutral(n, out, 0)
}

// withNeutral adds the fields of a record that are neither there nor have a
// default.
func withNeutral(n *node, m *value.Map, depth int) *value.Map {
	for i := range n.fields {
		f := &n.fields[i]
		if _, ok := m.Lookup(f.name); ok || f.hasDefault {
			continue
		}
		if v, ok := neutral(f.typ, depth); ok {
			m = m.With(f.name, v)
		}
	}
	return m
}

// neutralDepth bounds a neutral value: a record may hold itself.
const neutralDepth = 8

// neutral is the value of a type that says nothing; false if there is none.
func neutral(n *node, depth int) (value.Value, bool) {
	switch n.kind {
	case kindNull:
		return nil, true
	case kindBoolean:
		return false, true
	case kindInt, kindLong:
		return neutralCount(n), true
	case kindFloat, kindDouble:
		return float64(0), true
	case kindString:
		if n.logical == "uuid" {
			return neutralUUID, true
		}
		return "", true
	case kindBytes, kindFixed:
		return neutralBytes(n), true
	case kindEnum:
		return n.symbols[0], true
	case kindArray:
		return []any{}, true
	case kindMap:
		return &value.Map{}, true
	case kindRecord:
		if depth >= neutralDepth {
			return nil, false // it holds itself, without end
		}
		return withNeutral(n, &value.Map{}, depth+1), true
	case kindUnion:
		for _, branch := range n.branches {
			if branch.kind == kindNull {
				return nil, true
			}
		}
		return neutral(n.branches[0], depth+1)
	}
	return nil, false
}

const neutralUUID = "00000000-0000-0000-0000-000000000000"

func neutralCount(n *node) value.Value {
	switch {
	case strings.HasPrefix(n.logical, "timestamp"):
		return time.Unix(0, 0).UTC()
	case n.logical == "date":
		return "1970-01-01"
	case strings.HasPrefix(n.logical, "time-"):
		return "00:00:00"
	case strings.HasPrefix(n.logical, "local-timestamp"):
		return "1970-01-01T00:00:00"
	}
	return int64(0)
}

func neutralBytes(n *node) value.Value {
	switch n.logical {
	case "decimal":
		return int64(0)
	case "duration":
		return "PT0S"
	case "uuid":
		return neutralUUID
	}
	return make([]byte, n.size)
}

// writtenUnion goes on where there is one branch only beside null.
func writtenUnion(n *node, v value.Value) value.Value {
	var only *node
	for _, branch := range n.branches {
		switch {
		case branch.kind == kindNull:
		case only != nil:
			return v
		default:
			only = branch
		}
	}
	if v == nil || only == nil {
		return v
	}
	return written(only, v)
}

func writtenText(n *node, text string) value.Value {
	switch {
	case n.logical == "timestamp-millis" || n.logical == "timestamp-micros" || n.logical == "timestamp-nanos":
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t
		}
	case n.logical == "decimal":
		if d, err := value.ParseDecimal(text); err == nil {
			return d
		}
	case (n.kind == kindBytes || n.kind == kindFixed) && n.logical == "":
		return bytesOf(text)
	}
	return text
}

// bytesOf reads base64; another text stays as it is.
func bytesOf(text string) value.Value {
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b
	}
	return text
}
