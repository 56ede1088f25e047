package expr

import (
	"testing"

	"rondo/topology/value"
)

// tableBindings are bindings with one table.
type tableBindings struct {
	mapBindings
	rows map[string]value.Value
}

func (b tableBindings) Row(table, key string) (value.Value, bool) {
	row, ok := b.rows[table+"/"+key]
	return row, ok
}

func tableScope() Scope {
	return testScope().WithTables(map[string]Type{
		"profile": {Kind: value.MapKind, Fields: map[string]Type{"segment": {Kind: value.String}}},
		"rates":   {},
	})
}

func TestLookupFindsRows(t *testing.T) {
	b := tableBindings{mapBindings{"key": "u-1", "event": value.MapOf(map[string]value.Value{"id": int64(3)})}, map[string]value.Value{
		"profile/u-1": value.MapOf(map[string]value.Value{"segment": "vip"}), "rates/EUR": 1.5, "rates/none": nil,
	}}
	for text, want := range map[string]string{
		"lookup('profile', key).segment": `"vip"`, "lookup('rates', 'EUR') * 2": "3.0", "lookup('rates', 'USD')": "null", "lookup('rates', 'none')": "null",
		"lookup('profile', 'u-9').?segment.orValue('none')": `"none"`, "['EUR', 'USD'].map(c, coalesce(lookup('rates', c), 0))": "[1.5, 0]",
		"lookup('rates', string(event.id))": "null",
	} {
		p, issues := Compile(text, tableScope())
		if len(issues) > 0 {
			t.Errorf("%s: %v", text, issues)
			continue
		}
		v, err := p.Eval(b)
		if err != nil || value.Format(v) != want {
			t.Errorf("%s: got %s, %v; want %s", text, value.Format(v), err, want)
		}
	}
}

func TestLookupWithoutTablesFailsWhenItIsEvaluated(t *testing.T) {
	p, _ := Compile("lookup('rates', key)", tableScope())
	if _, err := p.Eval(mapBindings{"key": "a"}); err == nil {
		t.Error("no error")
	}
	if _, err := p.Eval(tableBindings{mapBindings{"key": int64(1)}, nil}); err == nil {
		t.Error("a key that is no text has no error")
	}
}

func TestTablesAreNoVariables(t *testing.T) {
	if names := tableScope().names(); len(names) != len(testScope()) {
		t.Errorf("got %v", names)
	}
}
