package topology

import (
	"testing"

	"rondo/topology/value"
)

// TestSizeOfPartsIsKept: what is kept with each change is what counting gives.
func TestSizeOfPartsIsKept(t *testing.T) {
	p := &pass{inst: &Instance{}, plan: &Plan{options: Options{Limits: DefaultLimits()}}}
	loop := &Loop{Count: 600, Items: p.addParts(make([]any, 600))}
	check := func(after string) {
		t.Helper()
		counted := 0
		for _, part := range p.inst.Parts {
			counted += value.Size(part.Value)
		}
		if p.inst.partBytes != counted || (&Instance{Parts: p.inst.Parts}).sizeOfParts() != counted {
			t.Errorf("%s: kept %d, counted %d", after, p.inst.partBytes, counted)
		}
	}
	check("the elements")
	for _, index := range []int{0, 3, 1, 599, 300, 255, 256} {
		p.keepResult(loop, index, value.MapOf(map[string]value.Value{"name": "a result"}))
		check("a result")
	}
	for range 300 {
		p.takeItem(loop)
		loop.Begun++
	}
	check("elements taken")
	if len(loop.Items) != 2 || len(p.inst.Parts) != 5 {
		t.Errorf("%d parts with elements, %d parts", len(loop.Items), len(p.inst.Parts))
	}
	p.dropParts(loop)
	if check("all dropped"); len(p.inst.Parts) != 0 {
		t.Errorf("%d parts are left", len(p.inst.Parts))
	}
}
