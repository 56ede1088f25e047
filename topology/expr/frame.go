package expr

import (
	"fmt"
	"sync"

	"rondo/topology/value"
)

// frame is one evaluation.
type frame struct {
	vars  Bindings
	most  Limits
	left  int           // cost that may still be spent
	slots []value.Value // loop variables and bindings, by number
	args  []value.Value // a stack for the arguments of functions being called
}

// frames are used again, so that an evaluation takes no memory of its own.
var frames = sync.Pool{New: func() any { return &frame{} }}

func newFrame(vars Bindings, slots int, most Limits) *frame {
	f := frames.Get().(*frame)
	f.vars, f.most, f.left = vars, most, most.Cost
	if cap(f.slots) < slots {
		f.slots = make([]value.Value, slots)
	}
	f.slots = f.slots[:slots]
	return f
}

// release forgets all values, so that none is kept alive, and ends the use of f.
func (f *frame) release() {
	f.vars = nil
	clear(f.slots)
	clear(f.args[:cap(f.args)])
	f.args = f.args[:0]
	frames.Put(f)
}

// spend takes n from what may be spent.
func (f *frame) spend(n int, at span) *Error {
	if f.left -= n; f.left < 0 {
		return at.limit(CodeCost, "the expression is too costly: it takes more than %d steps", f.most.Cost)
	}
	return nil
}

// textCost is what it costs to go through n bytes of text.
func textCost(n int) int { return 1 + n/64 }

// checkText fails if a text of n bytes may not be built.
func (f *frame) checkText(n int, at span) *Error {
	if n > f.most.TextBytes {
		return at.limit(CodeCost, "the expression builds a text of more than %s", sizeText(f.most.TextBytes))
	}
	return nil
}

func sizeText(bytes int) string {
	if bytes%1024 == 0 {
		return fmt.Sprintf("%d KiB", bytes/1024)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// equal is value.Equal at a cost, for values may share parts many times over.
func (f *frame) equal(a, b value.Value, at span) (bool, *Error) {
	switch a := a.(type) {
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			return f.equalLists(a, b, at)
		}
		return false, nil
	case *value.Map:
		if b, ok := b.(*value.Map); ok && a.Len() == b.Len() {
			return f.equalMaps(a, b, at)
		}
		return false, nil
	case *optional:
		b, ok := b.(*optional)
		if !ok || a.present != b.present {
			return false, nil
		}
		return f.equal(a.v, b.v, at)
	case string:
		if b, ok := b.(string); ok && len(a) == len(b) && len(a) >= 64 {
			return a == b, f.spend(len(a)/64, at)
		}
	}
	return value.Equal(a, b), nil
}

func (f *frame) equalLists(a, b []any, at span) (bool, *Error) {
	for i := range a {
		if err := f.spend(1, at); err != nil {
			return false, err
		}
		if same, err := f.equal(a[i], b[i], at); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *frame) equalMaps(a, b *value.Map, at span) (bool, *Error) {
	for i := range a.Len() {
		if err := f.spend(1, at); err != nil {
			return false, err
		}
		keyA, valueA := a.At(i)
		keyB, valueB := b.At(i)
		if keyA != keyB {
			return false, nil
		}
		if same, err := f.equal(valueA, valueB, at); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// spendValue takes the cost of going through all of v.
func (f *frame) spendValue(v value.Value, at span) *Error {
	switch v := v.(type) {
	case string:
		return f.spend(textCost(len(v)), at)
	case []byte:
		return f.spend(textCost(len(v)), at)
	case []any:
		for _, item := range v {
			if err := f.spendValue(item, at); err != nil {
				return err
			}
		}
	case *value.Map:
		for key, item := range v.All() {
			if err := f.spend(textCost(len(key)), at); err != nil {
				return err
			}
			if err := f.spendValue(item, at); err != nil {
				return err
			}
		}
	}
	return f.spend(1, at)
}
