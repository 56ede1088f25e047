package schemas

import (
	"fmt"
	"sync"

	"rondo/topology/value"
)

// Row is a row of a table as a node keeps it on its disk: decoded, so that a
// lookup needs neither the schema nor the registry.
type Row struct {
	Partition int32 // of the record that it is made of
	Offset    int64
	Value     value.Value
}

var rowFormat = sync.OnceValue(func() *Format { return newFormat("row") })

// Encode returns r as it is stored. It fails for a value that cannot be.
func (r Row) Encode() ([]byte, error) {
	w := newRecordWriter(rowFormat())
	w.long(int64(r.Partition))
	w.long(r.Offset)
	w.value(r.Value)
	b, err := w.done()
	if err != nil {
		return nil, fmt.Errorf("encode row record: %w", err)
	}
	return b, nil
}

// DecodeRow reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeRow(b []byte) (Row, error) {
	n, err := rowFormat().decode(b)
	if err != nil {
		return Row{}, err
	}
	v, err := valueOf(n["value"])
	if err != nil {
		return Row{}, fmt.Errorf("decode row record: %w", err)
	}
	return Row{Partition: get[int32](n, "partition"), Offset: get[int64](n, "offset"), Value: v}, nil
}
