package schemas

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"rondo/topology"
)

// schemaFiles are the Avro schemas of a definition's files, by the names that
// the definition uses.
type schemaFiles map[string]*Schema

// parseSchemaFiles parses the files that end in .avsc, and those that a message
// in Avro names. One may name types that another defines.
func parseSchemaFiles(files map[string][]byte, messages []*topology.Message) (schemaFiles, error) {
	isAvro := map[string]bool{}
	for _, m := range messages {
		isAvro[m.Schema] = m.Format == formatAvro
	}
	parsed := schemaFiles{}
	left := slices.Sorted(maps.Keys(files))
	left = slices.DeleteFunc(left, func(name string) bool { return !isAvro[name] && path.Ext(name) != ".avsc" })
	for len(left) > 0 {
		waiting, err := parsed.parseSome(files, left)
		if err != nil {
			return nil, err
		}
		left = waiting
	}
	return parsed, nil
}

// parseSome parses what can be parsed with the files so far, and returns the
// names of those that need another one first. It fails if nothing goes on.
func (s schemaFiles) parseSome(files map[string][]byte, names []string) (waiting []string, err error) {
	others := slices.Collect(maps.Values(s))
	var reason error
	for _, name := range names {
		schema, err := ParseSchema(files[name], others...)
		var unknown *unknownTypeError
		switch {
		case err == nil:
			s[name] = schema
		case errors.As(err, &unknown):
			waiting, reason = append(waiting, name), fmt.Errorf("%s: %w", name, err)
		default:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(waiting) == len(names) {
		return nil, reason
	}
	return waiting, nil
}

// of returns the schema of a message that names a schema file.
func (s schemaFiles) of(m *topology.Message) (*Schema, error) {
	schema, ok := s[m.Schema]
	switch {
	case ok:
		return schema, nil
	case path.Ext(m.Schema) == ".avsc":
		return nil, fmt.Errorf("schema file %s is not among the definition's files", m.Schema)
	}
	return nil, fmt.Errorf("schema file %s: an Avro schema ends in .avsc, a JSON Schema in .json", m.Schema)
}

// formatOf returns the format of a message: what it says, else that of its
// schema, else "".
func formatOf(m *topology.Message) (string, error) {
	switch {
	case isJSONSchema(m) && (m.Format == "" || m.Format == formatJSON):
		return formatJSON, nil
	case m.Schema == "":
		return m.Format, nil
	case m.Format == "" || m.Format == formatAvro:
		return formatAvro, nil
	}
	return "", fmt.Errorf("the schema %s is for Avro, but the format is %s: leave one of them out", m.Schema, m.Format)
}
