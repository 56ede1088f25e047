package schemas

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"rondo/topology/value"
)

func TestValueIsWrittenFlat(t *testing.T) {
	var p valueParts
	if err := p.add(mapOf1("a", int64(1), "b", []any{true, "x", nil, false, 1.5, dec("1.10"), []byte{7}, time.Unix(2, 3).UTC(), time.Second, mapOf1()}), 0); err != nil {
		t.Fatal(err)
	}
	want := valueParts{
		shape:   []byte("{i[tsnfdmyTD{"),
		ints:    []int64{2, 1, 10, 2, 3, 1e9, 0},
		doubles: []float64{1.5},
		texts:   []string{"a", "b", "x", "1.10"},
		blobs:   [][]byte{{7}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

func TestContentThatDoesNotFitTheShapeIsRefused(t *testing.T) {
	record := func(shape string, ints ...int64) fields {
		n := fields{"shape": shape, "ints": []any{}, "doubles": []any{}, "texts": []any{"k", "k"}, "blobs": []any{}}
		for _, i := range ints {
			n["ints"] = append(n["ints"].([]any), i)
		}
		return n
	}
	deep := record(strings.Repeat("[", value.DepthMax+1) + "n")
	for range value.DepthMax + 1 {
		deep["ints"] = append(deep["ints"].([]any), int64(1))
	}
	for name, n := range map[string]fields{
		"nothing":             record(""),
		"an unknown letter":   record("?"),
		"no int":              record("i"),
		"no double":           record("d"),
		"no bytes":            record("y"),
		"half a timestamp":    record("T", 1),
		"nanos beyond":        record("T", 1, 1e9),
		"negative nanos":      record("T", 1, -1),
		"a negative count":    record("[", -1),
		"a huge count":        record("[n", 1<<40),
		"too few items":       record("[n", 2),
		"too many letters":    record("nn"),
		"something left over": record("n", 1),
		"texts left over":     record("s"),
		"a key twice":         record("{nn", 2),
		"no decimal":          record("m"),
		"too deep":            deep,
	} {
		if v, err := valueOf(n); err == nil {
			t.Errorf("%s gave %s", name, value.Format(v))
		}
	}
}
