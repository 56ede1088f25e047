package schemas

import (
	"bytes"
	"fmt"

	"rondo/topology"
)

// fields is a record as goavro gives and takes it.
type fields = map[string]any

// get returns a field that the schema promises. Another type, or none, means
// that the code and the embedded schema contradict each other.
func get[T any](record fields, name string) T {
	v, ok := record[name].(T)
	if !ok {
		panic(fmt.Sprintf("field %s of a decoded record is %T", name, record[name]))
	}
	return v
}

// unwrap returns a union's only member besides null; ok is false for null.
func unwrap[T any](record fields, name, member string) (v T, ok bool) {
	if record[name] == nil {
		return v, false
	}
	return get[T](get[fields](record, name), member), true
}

// arrayOf turns a slice into what goavro takes as an array.
func arrayOf[T any](list []T, native func(T) any) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = native(item)
	}
	return out
}

// sliceOf is the way back; an empty array gives nil.
func sliceOf[T any](record fields, name string, of func(fields) T) []T {
	items := get[[]any](record, name)
	if len(items) == 0 {
		return nil
	}
	out := make([]T, len(items))
	for i, item := range items {
		out[i] = of(item.(fields))
	}
	return out
}

// Header is one header of a Kafka record. A header of a client converts to it
// as it is: schemas.Header(h).
type Header struct {
	Key   string
	Value []byte // nil is a null value
}

func headerOf(n fields) Header {
	v, _ := unwrap[[]byte](n, "value", "bytes")
	return Header{Key: get[string](n, "key"), Value: bytes.Clone(v)}
}

func recordRefOf(n fields) topology.RecordRef {
	key, _ := unwrap[[]byte](n, "key", "bytes")
	return topology.RecordRef{
		Topic:     get[string](n, "topic"),
		Partition: get[int32](n, "partition"),
		Offset:    get[int64](n, "offset"),
		Time:      topology.Instant(get[int64](n, "time")),
		Key:       bytes.Clone(key),
	}
}

func unwrapRecordRef(n fields, name string) *topology.RecordRef {
	inner, ok := unwrap[fields](n, name, "rondo.RecordRef")
	if !ok {
		return nil
	}
	ref := recordRefOf(inner)
	return &ref
}
