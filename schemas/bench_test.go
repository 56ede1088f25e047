package schemas

import (
	"context"
	"testing"

	"rondo/topology/value"
)

func BenchmarkOrder(b *testing.B) {
	s := mustSchema(b, orderSchema)
	v := order()
	wire, err := s.Encode(v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("avro/decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Decode(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("avro/decode/check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := checkBinary(s.root, wire, payloadBounds); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("avro/decode/goavro", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := s.codec.NativeFromBinary(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("avro/encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Encode(v); err != nil {
				b.Fatal(err)
			}
		}
	})
	text, err := value.ToJSON(v)
	if err != nil {
		b.Fatal(err)
	}
	r := newReader(b, nil, message("OrderPlaced", "json", ""))
	raw := Raw{Value: text, Headers: headers("type", "OrderPlaced")}
	b.Run("json/decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Decode(context.Background(), raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	values := mustEmbedded("value.avsc")
	b.Run("value/encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := recordWriter{b: make([]byte, 0, 1024)}
			if w.value(v); w.err != nil {
				b.Fatal(w.err)
			}
		}
	})
	w := recordWriter{}
	if w.value(v); w.err != nil {
		b.Fatal(w.err)
	}
	stored := w.b
	b.Run("value/decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			native, err := values.native(stored, ownBounds)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := valueOf(native); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	for _, r := range ownRecords() {
		bytes, err := r.encode()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(r.name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(r.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.decode(bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
