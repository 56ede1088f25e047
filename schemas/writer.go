package schemas

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/sr"

	"rondo/topology"
	"rondo/topology/value"
)

// Writer encodes the messages that a definition sends. It has all schemas from
// the start, so Encode is a pure function: the same value gives the same bytes,
// and no registry is asked.
type Writer struct {
	messages map[string]writeMessage // by the name in the definition
}

// writeMessage is how one message is written.
type writeMessage struct {
	format string
	schema *Schema     // for Avro
	json   *jsonSchema // for JSON by a schema
	partly bool        // fields that it requires may be missing
	header []byte      // in front of the Avro datum
}

// NewWriter returns a writer for the messages that def sends. With a registry,
// it looks up the schemas that are needed and never registers one: an error
// that wraps ErrRegistryUnavailable says to try again, any other that the
// definition cannot be used.
func NewWriter(ctx context.Context, def *topology.Definition, registry *Registry) (*Writer, error) {
	files, err := parseSchemaFiles(def.Files, def.Messages)
	if err != nil {
		return nil, fmt.Errorf("schema file %w", err)
	}
	sent := sentMessages(def)
	w := &Writer{messages: map[string]writeMessage{}}
	for _, m := range def.Messages {
		if !sent[m.Name] {
			continue
		}
		how, err := writeMessageOf(ctx, m, files, def.Files, registry)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", m.Name, err)
		}
		w.messages[m.Name] = how
	}
	return w, nil
}

func writeMessageOf(ctx context.Context, m *topology.Message, files schemaFiles, texts map[string][]byte, registry *Registry) (writeMessage, error) {
	format, err := formatOf(m)
	how := writeMessage{format: cmp.Or(format, formatJSON)}
	if err == nil && format == formatJSON && m.SchemaFile() {
		how.json, err = compileJSONSchema(m.Schema, texts)
	}
	if err != nil || format != formatAvro {
		return how, err
	}
	if m.SchemaFile() {
		how.schema, how.header, err = fileSchema(ctx, m, files, texts[m.Schema], registry)
	} else {
		how.schema, how.header, err = subjectSchema(ctx, m, registry)
	}
	return how, err
}

// fileSchema is the schema of a file: framed by its fingerprint, or, where
// there is a registry, by the id that it has there.
func fileSchema(ctx context.Context, m *topology.Message, files schemaFiles, text []byte, registry *Registry) (*Schema, []byte, error) {
	schema, err := files.of(m)
	if err != nil {
		return nil, nil, err
	}
	if registry == nil {
		return schema, appendSingleObjectHeader(nil, schema.Fingerprint()), nil
	}
	subjects := subjectsOf(m.Topic, schema)
	id, ok, err := registry.find(ctx, text, subjects...)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, fmt.Errorf("the schema registry does not have the schema of %s under any of the subjects %s: register it there first",
			m.Schema, strings.Join(subjects, ", "))
	}
	return schema, confluentHeader(id), nil
}

// subjectsOf lists the subjects under which the usual strategies put a schema:
// by topic, by record, by both.
func subjectsOf(topic string, s *Schema) []string {
	subjects := []string{topic + "-value"}
	if s.Name() != "" {
		subjects = append(subjects, s.Name(), topic+"-"+s.Name())
	}
	return subjects
}

// subjectSchema is the newest schema of the subject that the message names, or
// of its topic's.
func subjectSchema(ctx context.Context, m *topology.Message, registry *Registry) (*Schema, []byte, error) {
	subject := m.Schema
	if subject == "" {
		subject = m.Topic + "-value"
	}
	if registry == nil {
		return nil, nil, fmt.Errorf("the schema %s is a subject of a schema registry, but no registry is configured (setting: registry); "+
			"or name a schema file", subject)
	}
	s, err := registry.latest(ctx, subject)
	var missing *Undecodable
	switch {
	case errors.As(err, &missing):
		return nil, nil, errors.New(missing.Text)
	case err != nil:
		return nil, nil, err
	case s.kind != sr.TypeAvro:
		return nil, nil, fmt.Errorf("the schema of subject %s is %v, not Avro", subject, s.kind)
	}
	return s.schema, confluentHeader(s.id), nil
}

func confluentHeader(id int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
}

// Encode returns the value of a record that carries payload as the message m.
// Null gives nil, a tombstone. An error is a fault of the definition or the
// data; it names the field that does not fit.
func (w *Writer) Encode(m *topology.Message, payload value.Value) ([]byte, error) {
	how, ok := w.messages[m.Name]
	if !ok {
		return nil, fmt.Errorf("message %s is not one that the definition sends", m.Name)
	}
	if payload == nil {
		return nil, nil
	}
	b, err := how.encode(payload)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.Name, err)
	}
	return b, nil
}

func (how writeMessage) encode(payload value.Value) ([]byte, error) {
	switch how.format {
	case formatAvro:
		return how.schema.appendTo(append(make([]byte, 0, 256), how.header...), payload)
	case formatText:
		text, ok := payload.(string)
		if !ok {
			return nil, mismatch(payload, "a text")
		}
		if !utf8.ValidString(text) {
			return nil, value.ErrNotUTF8
		}
		return []byte(text), nil
	case formatBytes:
		b, ok := payload.([]byte)
		if !ok {
			return nil, mismatch(payload, "bytes")
		}
		return append([]byte{}, b...), nil
	case formatJSON:
		if how.json != nil {
			return how.json.encode(payload, how.partly)
		}
		return value.ToJSON(payload)
	}
	return nil, fmt.Errorf("format %q is not one of avro, json, text, bytes", how.format)
}
