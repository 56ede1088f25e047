package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"

	"rondo/topology/value"
)

// TestAnySchemaAgreesWithGoavro draws a schema and a value that fits it. What is
// written must be read by goavro with the schema as drawn, which must write the
// same bytes again, and must come back as the same value.
func TestAnySchemaAgreesWithGoavro(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &drawing{t: t}
		drawn := d.typ(0)
		v := drawn.value()
		s, err := ParseSchema([]byte(drawn.text))
		if err != nil {
			t.Fatalf("%s: %v", drawn.text, err)
		}
		b, err := s.Encode(v)
		if err != nil {
			t.Fatalf("%s: encode %s: %v", drawn.text, value.Format(v), err)
		}
		codec, err := goavro.NewCodec(drawn.text)
		if err != nil {
			t.Fatalf("%s: %v", drawn.text, err)
		}
		native, rest, err := codec.NativeFromBinary(b)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%s: goavro reads %x: %v, %d bytes left", drawn.text, b, err, len(rest))
		}
		if again, err := codec.BinaryFromNative(nil, native); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s: goavro writes %x (%v), not %x", drawn.text, again, err, b)
		}
		back, err := s.Decode(b)
		if err != nil || !bytes.Equal(value.AppendCanonical(nil, back), value.AppendCanonical(nil, v)) {
			t.Fatalf("%s: %s came back as %s (%v)", drawn.text, value.Format(v), value.Format(back), err)
		}
	})
}

// drawn is a type and where to get values of it.
type drawn struct {
	key   string // what a union may have once
	text  string
	value func() value.Value
}

type drawing struct {
	t     *rapid.T
	names int
}

func (d *drawing) int(low, high int) int { return rapid.IntRange(low, high).Draw(d.t, "n") }

func (d *drawing) name() string {
	d.names++
	return fmt.Sprintf("ns%d.T%d", d.int(0, 2), d.names)
}

func (d *drawing) typ(depth int) drawn {
	kinds := 10
	if depth < 4 {
		kinds = 14
	}
	switch d.int(0, kinds-1) {
	case 0:
		return drawn{"null", `"null"`, func() value.Value { return nil }}
	case 1:
		return drawn{"boolean", `"boolean"`, func() value.Value { return rapid.Bool().Draw(d.t, "b") }}
	case 2:
		return drawn{"int", `"int"`, func() value.Value { return int64(rapid.Int32().Draw(d.t, "i")) }}
	case 3:
		return drawn{"long", `"long"`, func() value.Value { return rapid.Int64().Draw(d.t, "l") }}
	case 4:
		return drawn{"float", `"float"`, func() value.Value { return float64(rapid.Float32().Draw(d.t, "f")) }}
	case 5:
		return drawn{"double", `"double"`, func() value.Value { return rapid.Float64().Draw(d.t, "d") }}
	case 6:
		return drawn{"bytes", `"bytes"`, func() value.Value { return rapid.SliceOf(rapid.Byte()).Draw(d.t, "y") }}
	case 7:
		return drawn{"string", `"string"`, func() value.Value { return rapid.String().Draw(d.t, "s") }}
	case 8:
		return d.fixed()
	case 9:
		return d.enum()
	case 10:
		return d.record(depth)
	case 11:
		return d.array(depth)
	case 12:
		return d.mapping(depth)
	default:
		return d.union(depth)
	}
}

func (d *drawing) fixed() drawn {
	size, name := d.int(1, 5), d.name()
	return drawn{name, fmt.Sprintf(`{"type":"fixed","name":"%s","size":%d}`, name, size), func() value.Value {
		return rapid.SliceOfN(rapid.Byte(), size, size).Draw(d.t, "x")
	}}
}

func (d *drawing) enum() drawn {
	name := d.name()
	return drawn{name, fmt.Sprintf(`{"type":"enum","name":"%s","symbols":["A","B","C"]}`, name), func() value.Value {
		return rapid.SampledFrom([]string{"A", "B", "C"}).Draw(d.t, "e")
	}}
}

func (d *drawing) record(depth int) drawn {
	name := d.name()
	types := make([]drawn, d.int(0, 4))
	fields := make([]string, len(types))
	for i := range types {
		types[i] = d.typ(depth + 1)
		fields[i] = fmt.Sprintf(`{"name":"f%d","type":%s}`, i, types[i].text)
	}
	return drawn{name, fmt.Sprintf(`{"type":"record","name":"%s","fields":[%s]}`, name, strings.Join(fields, ",")), func() value.Value {
		m := map[string]value.Value{}
		for i, typ := range types {
			m[fmt.Sprintf("f%d", i)] = typ.value()
		}
		return value.MapOf(m)
	}}
}

func (d *drawing) array(depth int) drawn {
	item := d.typ(depth + 1)
	return drawn{"array", `{"type":"array","items":` + item.text + `}`, func() value.Value {
		list := make([]any, d.int(0, 3))
		for i := range list {
			list[i] = item.value()
		}
		return list
	}}
}

// mapping draws maps of at most one entry, whose order goavro cannot change.
func (d *drawing) mapping(depth int) drawn {
	item := d.typ(depth + 1)
	return drawn{"map", `{"type":"map","values":` + item.text + `}`, func() value.Value {
		m := map[string]value.Value{}
		if d.int(0, 1) == 1 {
			m[rapid.String().Draw(d.t, "k")] = item.value()
		}
		return value.MapOf(m)
	}}
}

func (d *drawing) union(depth int) drawn {
	var members []drawn
	var texts []string
	seen := map[string]bool{"union": true}
	for range d.int(1, 4) {
		member := d.typ(depth + 1)
		if !seen[member.key] {
			seen[member.key] = true
			members, texts = append(members, member), append(texts, member.text)
		}
	}
	if members == nil {
		members, texts = []drawn{{value: func() value.Value { return nil }}}, []string{`"null"`}
	}
	return drawn{"union", "[" + strings.Join(texts, ",") + "]", func() value.Value {
		return members[d.int(0, len(members)-1)].value()
	}}
}
