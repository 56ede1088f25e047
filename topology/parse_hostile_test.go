//go:build unix

package topology

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHostileFilesAreReadInBoundedTime feeds files of the greatest size that are
// built to make a careless reader quadratic. What counts is processor time, so
// that a busy machine does not matter. The bound is far above what they take and
// far below what a quadratic reader would.
func TestHostileFilesAreReadInBoundedTime(t *testing.T) {
	const bound = 10 * time.Second
	fill := func(head, body, tail string) string {
		return head + strings.Repeat(body, (sourceMaxBytes-len(head)-len(tail))/len(body)) + tail
	}
	numbered := func(head, format string) string {
		var out strings.Builder
		out.WriteString(head)
		for i := 0; out.Len() < sourceMaxBytes-100; i++ {
			out.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i)))
		}
		return out.String()
	}
	steps := "workflow: a\nversion: 1\nmessages: {Go: {topic: go}}\nstart: {Go: {}}\ndo:\n"
	for name, text := range map[string]string{
		"steps that jump":           numbered(steps, "  - s#: {then: s1}\n"),
		"steps that jump anywhere":  numbered(steps, "  - s#: {then: =x}\n"),
		"jumps that lead nowhere":   numbered(steps, "  - s#: {then: t#}\n"),
		"catches that fall off":     numbered(steps+"  - s: {}\ncatch:\n", "  e#: {set: {a: 1}}\n"),
		"catches that jump":         numbered(steps+"  - s: {}\ncatch:\n", "  e#: {then: s}\n"),
		"messages":                  numbered("messages:\n", "  M#: {topic: t}\n"),
		"unknown messages":          numbered("messages: {Go: {topic: go}}\nstart:\n", "  M#: {}\n"),
		"errors never raised":       numbered(steps, "  - s#: {catch: {e#: {}}}\n"),
		"unknown words":             numbered("", "w#: 1\n"),
		"one key":                   fill("", "a: 1\n", ""),
		"split expressions":         fill("a: [", "=f(a, b),", "]"),
		"an expression never ended": fill("a: [=f(", "b, ", "]"),
		"tags":                      fill("a: [", "!a,", "]"),
		"conditions with tags":      fill("a: [", "{if: !a b},", "]"),
		"anchors":                   fill("a: [", "&a b,", "]"),
		"expressions on one line":   fill("a: [", "=b ,", "]"),
		"quotes":                    fill("a: [", "'',", "]"),
		"search":                    numbered("search: [", "v#, "),
		"a long line":               fill("workflow: ", "x", "\n"),
		"a long expression":         fill(steps+"  - s: {if: \"", "a +\\\n ", "b\"}\n"),
		"deep":                      fill("", "[", ""),
		"deep mappings":             fill("", "a: {", ""),
		"comments":                  fill("a: b\n", "# c\n", ""),
		"line breaks":               fill("a: b\n", "\u2028", ""),
	} {
		t.Run(name, func(t *testing.T) {
			if len(text) > sourceMaxBytes {
				text = text[:sourceMaxBytes]
			}
			begin := processorTime(t)
			_, list := checkedText("f.yaml", []byte(text), nil, &Types{})
			rendered(t, list, []byte(text))
			if took := processorTime(t) - begin; took > bound {
				t.Errorf("took %v for %d findings", took, len(list))
			}
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
