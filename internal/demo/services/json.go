package services

import (
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// typeOf is the header `type` of a record, "" without one.
func typeOf(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == "type" {
			return string(h.Value)
		}
	}
	return ""
}

// readJSON decodes the value of a record of the given type.
func readJSON(r *kgo.Record, kind string, into any) error {
	if err := json.Unmarshal(r.Value, into); err != nil {
		return fmt.Errorf("decode %s: %w", kind, err)
	}
	return nil
}

// writeJSON encodes a value of the given type.
func writeJSON(kind string, v any) ([]byte, string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", kind, err)
	}
	return value, kind, nil
}
