package topology_test

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/script"
)

// TestDamagedRecordsAreErrorsOrDecide damages the records of instances and desks,
// parts included, that a play has left: in their bytes, and in single fields. Each
// cannot be decoded, or has a decision on any input, the same one twice, which can be
// stored; and none has a timer that is due for ever.
func TestDamagedRecordsAreErrorsOrDecide(t *testing.T) {
	decided := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		limits := topology.Limits{StepsAtOnce: 7, StepsUnasked: 40, Held: 2, Queue: 3, Starts: 2, Entries: 10, Branches: 4, Correlate: 2, Members: 2}
		def := lettersDefinition(t)
		if def.Schedule == nil && rapid.Bool().Draw(t, "schedule") {
			def.Schedule = &topology.Schedule{Every: time.Hour, Reaction: &topology.Step{}}
		}
		p := newPlay(t, compiled(t, def, limits), compiled(t, childDefinition(t), limits))
		for range rapid.IntRange(5, 20).Draw(t, "length") {
			p.step(anyPayload)
		}
		for _, name := range slices.Sorted(maps.Keys(p.memory.Instances)) {
			whole := p.memory.Instances[name]
			for range 4 {
				if inst := damaged(t, whole); inst != nil {
					decided[whole.Desk]++
					p.decideDamaged(whole.Address(), inst)
				}
			}
		}
	})
	for _, desk := range []string{"", "gate.C", "gate.D", "mailbox.n", "schedule"} {
		if decided[desk] == 0 && !testing.Short() {
			t.Errorf("no damaged record of %q was decoded: %v", desk, decided)
		}
	}
}

// damaged is what a damaged record is decoded to; nil if it is not, or cannot be
// written.
func damaged(t *rapid.T, whole *topology.Instance) *topology.Instance {
	record, parts := recordOf(t, whole)
	if rapid.Bool().Draw(t, "in its bytes") {
		if ids := slices.Sorted(maps.Keys(parts)); len(ids) > 0 && rapid.Bool().Draw(t, "in a part") {
			id := rapid.SampledFrom(ids).Draw(t, "part")
			parts[id] = damagedBytes(t, parts[id])
		} else {
			record = damagedBytes(t, record)
		}
		return decodedRecord(record, parts)
	}
	i := decodedRecord(record, parts)
	if i == nil {
		t.Fatalf("%s cannot be decoded", whole.Address())
	}
	for range rapid.IntRange(1, 2).Draw(t, "damages") {
		var fields []reflect.Value
		fieldsOf(reflect.ValueOf(i).Elem(), &fields)
		damageField(t, fields[rapid.IntRange(0, len(fields)-1).Draw(t, "field")])
	}
	if _, err := schemas.EncodeInstance(i); err != nil {
		return nil
	}
	record, parts = recordOf(t, i)
	return decodedRecord(record, parts)
}

func recordOf(t *rapid.T, i *topology.Instance) (record []byte, parts map[int64][]byte) {
	record, err := schemas.EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	parts = map[int64][]byte{}
	for _, part := range i.Parts {
		if parts[part.ID], err = schemas.EncodePart(part); err != nil {
			t.Fatal(err)
		}
	}
	return record, parts
}

func decodedRecord(record []byte, parts map[int64][]byte) *topology.Instance {
	i, err := schemas.DecodeInstance(record, func(id int64) ([]byte, error) {
		if part, ok := parts[id]; ok {
			return part, nil
		}
		return nil, fmt.Errorf("no part %d", id)
	})
	if err != nil {
		return nil
	}
	return i
}

// damagedBytes changes, loses or repeats some bytes behind the header that says what
// record it is.
func damagedBytes(t *rapid.T, b []byte) []byte {
	const header = 10
	b = slices.Clone(b)
	at := rapid.IntRange(header, len(b)-1).Draw(t, "at")
	switch rapid.IntRange(0, 3).Draw(t, "damage") {
	case 0:
		b[at] = rapid.Byte().Draw(t, "byte")
	case 1:
		b = slices.Delete(b, at, min(len(b), at+rapid.IntRange(1, 3).Draw(t, "lost")))
	case 2:
		b = slices.Insert(b, at, rapid.Byte().Draw(t, "byte"))
	default:
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	return b
}

// fieldsOf collects what can be damaged within v.
func fieldsOf(v reflect.Value, out *[]reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type().Elem().PkgPath() == reflect.TypeFor[topology.Instance]().PkgPath() {
			fieldsOf(v.Elem(), out)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fieldsOf(v.Field(i), out)
			}
		}
	case reflect.Slice:
		*out = append(*out, v)
		for i := range v.Len() {
			fieldsOf(v.Index(i), out)
		}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.String, reflect.Bool:
		*out = append(*out, v)
	}
}

func damageField(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		switch n := v.Len(); {
		case n == 0:
		case rapid.Bool().Draw(t, "repeated"):
			v.Set(reflect.AppendSlice(v, v.Slice(n-1, n)))
		default:
			v.Set(v.Slice(0, n-1))
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{-1, 0, 1, 2, math.MaxInt64, math.MinInt64}).Draw(t, "number"))
	case reflect.Int32:
		v.SetInt(rapid.SampledFrom([]int64{-1, 0, math.MaxInt32}).Draw(t, "number"))
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "a", "s1", "kid", "undo", "anytime", "running", "paused", "incident", "expected"}).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

// decideDamaged lets what is kept under an address, and what comes of that, decide on
// some inputs.
func (p *play) decideDamaged(to topology.Address, inst *topology.Instance) {
	for range 4 {
		if inst == nil {
			return
		}
		in := p.oddInput()
		due, armed := inst.NextTimer()
		fires := armed && rapid.Bool().Draw(p.t, "when it is due")
		if fires {
			in = topology.Input{At: max(due, p.memory.Now), Timer: true}
		}
		d := p.memory.Plans[to.Workflow].DecideAt(to, inst, in)
		again := p.memory.Plans[to.Workflow].DecideAt(to, inst, in)
		if a, b := rendered(p.t, []script.Decided{{Decision: d}}), rendered(p.t, []script.Decided{{Decision: again}}); a != b {
			p.t.Fatalf("first:\n%s\nand then:\n%s", a, b)
		}
		switch {
		case d.Fault != nil && d.Fault.Kind == "internal":
			p.t.Fatalf("%s: %s", to, d.Fault.Text)
		case d.DeadLetter != nil && d.DeadLetter.Reason == "internal":
			p.t.Fatalf("%s: %s", to, d.DeadLetter.Text)
		case fires && !d.Changed:
			p.t.Fatalf("a timer of %s that is due changes nothing: %+v", to, inst)
		}
		inst = d.Instance
	}
}

// oddInput draws one that may fit nothing.
func (p *play) oddInput() topology.Input {
	in := topology.Input{At: p.memory.Now.Add(rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour}).Draw(p.t, "odd time"))}
	switch rapid.IntRange(0, 5).Draw(p.t, "odd") {
	case 0:
		in.Timer = true
	case 1:
		in.Event = event(rapid.SampledFrom([]string{"Go", "M1", "M2", "M3", "C", "Strange"}).Draw(p.t, "odd event"), "id", "a")
	case 2:
		kinds := []string{"jump", "migrate", "retry", "skip", "fail", "set", "shift", "cancel", "terminate", "pause", "resume"}
		in.Act = &topology.Act{Kind: rapid.SampledFrom(kinds).Draw(p.t, "odd act"), Step: "s2"}
	case 3:
		in.Timer, in.Refused = true, "it is too large"
	case 4:
		l := p.anyLetter()
		in.Letter = &l
	}
	return in
}
