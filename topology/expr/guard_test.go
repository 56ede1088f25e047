package expr

import (
	"slices"
	"strings"
	"testing"
)

func TestNotNullKnowsWhatAConditionSays(t *testing.T) {
	tests := []struct{ condition, ifTrue, ifNot string }{
		{"a != null", "a", ""},
		{"null != a", "a", ""},
		{"a == null", "", "a"},
		{"a == b", "", ""},
		{"a != 3", "", ""},
		{"a == 'x'", "a", ""},
		{"a > 3", "a", ""},
		{"a", "a", ""},
		{"!a", "a", ""},
		{"a.b != null", "a", ""},
		{"a.b == null", "a", ""},
		{"a.b == c", "a", ""},
		{"has(a.b)", "a", ""},
		{"!(a == null)", "a", ""},
		{"!(a != null)", "", "a"},
		{"!(a.b != null)", "", ""}, // it may have failed
		{"a != null && b > 2", "a b", ""},
		{"a == null || b == null", "", "a b"},
		{"a == null || event.x > 3", "", "a"},
		{"a == null && b == null", "", ""},
		{"a == null && a == null", "", "a"},
		{"a != null || b != null", "", ""},
		{"(a != null && b != null) || (c && a > 1)", "a", ""},
		{"a != null ? b : c", "", ""},
		{"a.?b.hasValue()", "", ""},
		{"size(a) > 1", "", ""},
		{"a ==", "", ""},
	}
	for _, test := range tests {
		ifTrue, ifNot := NotNull(test.condition)
		if got := sortedText(ifTrue); got != test.ifTrue {
			t.Errorf("%s: where it is true %q is not null, want %q", test.condition, got, test.ifTrue)
		}
		if got := sortedText(ifNot); got != test.ifNot {
			t.Errorf("%s: where it is not true %q is not null, want %q", test.condition, got, test.ifNot)
		}
	}
}

func sortedText(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}
