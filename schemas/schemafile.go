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
	parsed, failed := parseEach(files, avroFiles(files, messages))
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		return nil, fmt.Errorf("%s: %w", name, failed[name])
	}
	return parsed, nil
}

// avroFiles are the names of the files that hold Avro schemas.
func avroFiles(files map[string][]byte, messages []*topology.Message) []string {
	isAvro := map[string]bool{}
	for _, m := range messages {
		isAvro[m.Schema] = m.Format == formatAvro
	}
	left := slices.Sorted(maps.Keys(files))
	return slices.DeleteFunc(left, func(name string) bool { return !isAvro[name] && path.Ext(name) != ".avsc" })
}

// parseEach parses schema files, and tells of each that cannot be parsed why.
func parseEach(files map[string][]byte, names []string) (schemaFiles, map[string]error) {
	parsed, failed := schemaFiles{}, map[string]error{}
	for left := names; len(left) > 0; {
		waiting, reasons := parsed.parseSome(files, left, failed)
		if len(waiting) == len(left) { // nothing goes on
			maps.Copy(failed, reasons)
			break
		}
		left = waiting
	}
	return parsed, failed
}

// parseSome parses what can be parsed with the files so far, and returns those
// that need another one first, with what they need. What cannot be parsed is added
// to failed.
func (s schemaFiles) parseSome(files map[string][]byte, names []string, failed map[string]error) (waiting []string, reasons map[string]error) {
	others := slices.Collect(maps.Values(s))
	reasons = map[string]error{}
	for _, name := range names {
		schema, err := ParseSchema(files[name], others...)
		var unknown *unknownTypeError
		switch {
		case err == nil:
			s[name] = schema
		case errors.As(err, &unknown):
			waiting, reasons[name] = append(waiting, name), err
		default:
			failed[name] = err
		}
	}
	return waiting, reasons
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
