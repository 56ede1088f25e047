package schemas

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// TypesOf tells what the schemas of a definition say of the payloads of its
// messages and the rows of its tables. A subject of the registry is asked for its
// newest schema; without a registry, or where it has none in Avro, nothing is
// known, nor of a message or table whose schema cannot be used: unusable tells
// of them, in the order of the definition, each schema once. A schema file that
// was not found (its text is nil) is not among them. The error wraps
// ErrRegistryUnavailable, or is that of ctx, and says to try again.
func TypesOf(ctx context.Context, def *topology.Definition, registry *Registry) (types topology.Types, unusable []UnusableSchema, err error) {
	types = topology.Types{Messages: map[string]expr.Type{}, Tables: map[string]expr.Type{}}
	files, failed := parseEach(def.Files, avroFiles(def.Files, avroUsers(def)))
	t := typeSource{files: files, failed: failed, texts: def.Files, registry: registry, told: map[string]bool{}}
	for _, m := range def.Messages {
		if types.Messages[m.Name], err = t.usable(ctx, "message", m); err != nil {
			return types, nil, err
		}
	}
	for _, table := range def.Tables {
		if types.Tables[table.Name], err = t.usable(ctx, "table", messageOfTable(table)); err != nil {
			return types, nil, err
		}
	}
	return types, t.unusable, nil
}

// UnusableSchema is a schema that a message or table names and that cannot be
// used.
type UnusableSchema struct {
	Owner  string // "message Ordered"
	Schema string
	Pos    diag.Pos // where it is named
	Err    error
}

func (u UnusableSchema) Error() string { return u.Owner + ": " + u.Err.Error() }

// avroUsers are the messages, and the tables as messages.
func avroUsers(def *topology.Definition) []*topology.Message {
	out := slices.Clone(def.Messages)
	for _, t := range def.Tables {
		out = append(out, messageOfTable(t))
	}
	return out
}

// messageOfTable describes the rows of a table as a message.
func messageOfTable(t *topology.Table) *topology.Message {
	return &topology.Message{Name: t.Name, Type: t.Name, Topic: t.Topic, Format: t.Format, Schema: t.Schema, SchemaPos: t.SchemaPos}
}

// typeSource finds the types of messages.
type typeSource struct {
	files    schemaFiles
	failed   map[string]error // of the files
	texts    map[string][]byte
	registry *Registry

	told     map[string]bool // schemas that are in unusable
	unusable []UnusableSchema
}

// usable is of, but notes what cannot be used: then the message may be anything.
func (t *typeSource) usable(ctx context.Context, what string, m *topology.Message) (expr.Type, error) {
	if text, named := t.texts[m.Schema]; named && text == nil {
		return expr.Type{}, nil
	}
	of, err := t.of(ctx, m)
	switch {
	case errors.Is(err, ErrRegistryUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return of, fmt.Errorf("%s %s: %w", what, m.Name, err)
	case err != nil && !t.told[m.Schema]:
		t.told[m.Schema] = true
		t.unusable = append(t.unusable, UnusableSchema{what + " " + m.Name, m.Schema, m.SchemaPos, err})
	}
	if err != nil {
		return expr.Type{}, nil
	}
	return of, nil
}

func (t *typeSource) of(ctx context.Context, m *topology.Message) (expr.Type, error) {
	format, err := formatOf(m)
	switch {
	case err != nil:
		return expr.Type{}, err
	case format == formatText:
		return expr.Type{Kind: value.String}, nil
	case format == formatBytes:
		return expr.Type{Kind: value.Bytes}, nil
	case format == formatJSON && m.SchemaFile():
		return jsonSchemaType(m.Schema, t.texts[m.Schema])
	case format != formatAvro:
		return expr.Type{}, nil
	}
	schema, err := t.schema(ctx, m)
	if err != nil || schema == nil {
		return expr.Type{}, err
	}
	return schema.typeOf(typeOnWire(m)), nil
}

// schema is the Avro schema of a message; nil: it is not known.
func (t *typeSource) schema(ctx context.Context, m *topology.Message) (*Schema, error) {
	if err := t.failed[m.Schema]; err != nil {
		return nil, fmt.Errorf("schema file %s: %w", m.Schema, err)
	}
	if m.SchemaFile() {
		return t.files.of(m)
	}
	if t.registry == nil {
		return nil, nil
	}
	schema, _, err := subjectSchema(ctx, m, t.registry)
	if errors.Is(err, ErrRegistryUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return schema, nil // who writes it is told by NewWriter why there is none
}

// typeOf is the type of what the schema describes; of a union of records, the one
// that is called name.
func (s *Schema) typeOf(name string) expr.Type {
	root := s.root
	if root.kind == kindUnion {
		for _, branch := range root.branches {
			if branch.kind == kindRecord && isNamed(branch, name) {
				root = branch
			}
		}
	}
	return avroTypes{done: map[*node]expr.Type{}}.of(root)
}

// avroTypes turns the types of a schema into those of expressions. Each is made
// once; where a type holds itself nothing more is known.
type avroTypes struct{ done map[*node]expr.Type }

func (a avroTypes) of(n *node) expr.Type {
	if t, ok := a.done[n]; ok {
		return t
	}
	a.done[n] = expr.Type{} // until it is known
	t := a.make(n)
	a.done[n] = t
	return t
}

func (a avroTypes) make(n *node) expr.Type {
	switch n.kind {
	case kindNull:
		return expr.Type{Kind: value.Null}
	case kindBoolean:
		return expr.Type{Kind: value.Bool}
	case kindFloat, kindDouble:
		return expr.Type{Kind: value.Double}
	case kindInt, kindLong:
		return integerType(n)
	case kindString:
		return expr.Type{Kind: value.String}
	case kindEnum:
		return expr.Type{Kind: value.String, Symbols: n.symbols}
	case kindBytes, kindFixed:
		return octetsType(n)
	case kindRecord:
		return a.record(n)
	case kindArray, kindMap:
		elem := a.of(n.item)
		return expr.Type{Kind: map[kind]value.Kind{kindArray: value.List, kindMap: value.MapKind}[n.kind], Elem: &elem}
	}
	return a.union(n)
}

func integerType(n *node) expr.Type {
	switch n.logical {
	case "":
		return expr.Type{Kind: value.Int}
	case "date":
		return expr.Type{Kind: value.String, Also: []value.Kind{value.Timestamp}}
	case "timestamp-millis", "timestamp-micros", "timestamp-nanos":
		return expr.Type{Kind: value.Timestamp}
	}
	return expr.Type{Kind: value.String} // a time without a zone
}

func octetsType(n *node) expr.Type {
	switch n.logical {
	case "decimal":
		return expr.Type{Kind: value.Decimal}
	case "duration", "uuid":
		return expr.Type{Kind: value.String}
	}
	return expr.Type{Kind: value.Bytes}
}

func (a avroTypes) record(n *node) expr.Type {
	t := expr.Type{Kind: value.MapKind, Fields: make(map[string]expr.Type, len(n.fields))}
	for _, f := range n.fields {
		of := a.of(f.typ)
		of.Optional = f.hasDefault
		t.Fields[f.name] = of
	}
	return t
}

// union is the type of the only member besides null; of several nothing is known.
func (a avroTypes) union(n *node) expr.Type {
	var member *node
	nullable := false
	for _, branch := range n.branches {
		switch {
		case branch.kind == kindNull:
			nullable = true
		case member != nil:
			return expr.Type{}
		default:
			member = branch
		}
	}
	if member == nil {
		return expr.Type{Kind: value.Null}
	}
	t := a.of(member)
	t.Nullable = nullable && t.Kind != ""
	return t
}

// isJSONSchema reports whether a message names a JSON Schema: a file that ends in
// .json, unless it is said to be Avro.
func isJSONSchema(m *topology.Message) bool {
	return m.SchemaFile() && path.Ext(m.Schema) == ".json" && m.Format != formatAvro
}
