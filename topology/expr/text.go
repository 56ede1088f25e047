package expr

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"rondo/topology/value"
)

// textFunctions are those of CEL and of its strings library. Positions count
// characters, from 0.
var textFunctions = []*function{
	{name: "contains", style: member, params: []kinds{kString, kString}, result: kBool, run: texts(func(a, b string) value.Value { return strings.Contains(a, b) })},
	{name: "startsWith", style: member, params: []kinds{kString, kString}, result: kBool, run: texts(func(a, b string) value.Value { return strings.HasPrefix(a, b) })},
	{name: "endsWith", style: member, params: []kinds{kString, kString}, result: kBool, run: texts(func(a, b string) value.Value { return strings.HasSuffix(a, b) })},
	{name: "matches", style: either, params: []kinds{kString, kString}, result: kBool, run: matches, prepare: prepareMatches},
	{name: "charAt", style: member, params: []kinds{kString, kWhole}, result: kString, run: charAt},
	{name: "indexOf", style: member, params: []kinds{kString, kString, kWhole}, optional: 1, result: kInt, run: indexOf},
	{name: "lastIndexOf", style: member, params: []kinds{kString, kString, kWhole}, optional: 1, result: kInt, run: lastIndexOf},
	{name: "substring", style: member, params: []kinds{kString, kWhole, kWhole}, optional: 1, result: kString, run: substring},
	{name: "replace", style: member, params: []kinds{kString, kString, kString, kWhole}, optional: 1, result: kString, run: replace},
	{name: "split", style: member, params: []kinds{kString, kString, kWhole}, optional: 1, result: kList, run: split},
	{name: "join", style: member, params: []kinds{kList, kString}, optional: 1, result: kString, run: join},
	{name: "lowerAscii", style: member, params: []kinds{kString}, result: kString, run: mapText(func(s string) string { return mapASCII(s, 'A', 'Z', 'a'-'A') })},
	{name: "upperAscii", style: member, params: []kinds{kString}, result: kString, run: mapText(func(s string) string { return mapASCII(s, 'a', 'z', 'A'-'a') })},
	{name: "trim", style: member, params: []kinds{kString}, result: kString, run: mapText(strings.TrimSpace)},
	{name: "strings.quote", params: []kinds{kString}, result: kString, run: mapText(quote)},
}

// texts makes a function of two texts that goes through the first.
func texts(do func(a, b string) value.Value) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		a, b := args[0].(string), args[1].(string)
		if err := f.spend(textCost(len(a)), n.at); err != nil {
			return nil, err
		}
		return do(a, b), nil
	}
}

// mapText makes a function that turns one text into another.
func mapText(do func(s string) string) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		s := args[0].(string)
		if err := f.spend(textCost(len(s)), n.at); err != nil {
			return nil, err
		}
		return do(s), nil
	}
}

// mapASCII moves the bytes from first to last by shift.
func mapASCII(s string, first, last byte, shift int) string {
	return strings.Map(func(r rune) rune {
		if r >= rune(first) && r <= rune(last) {
			return r + rune(shift)
		}
		return r
	}, s)
}

// quoteEscapes are the characters that CEL's strings.quote escapes.
var quoteEscapes = strings.NewReplacer("\a", `\a`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`, `\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + quoteEscapes.Replace(s) + `"` }

// pattern is a compiled regular expression (RE2) and how many instructions it
// has, roughly, which the costs of compiling and matching follow.
type pattern struct {
	re   *regexp.Regexp
	size int
}

// Bounds of patterns, in bytes and in instructions.
const (
	patternBytesMax = 1000
	patternSizeMax  = 1000
)

func compilePattern(text string, at span) (*pattern, *Error) {
	if len(text) > patternBytesMax {
		return nil, at.fail("the pattern of `matches` is longer than %d bytes", patternBytesMax)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, at.fail("the pattern of `matches` is not a regular expression (RE2)")
	}
	size := patternSize(tree)
	if size > patternSizeMax {
		return nil, at.fail("the pattern of `matches` is too large: mind repetitions such as {900}")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, at.fail("the pattern of `matches` is not a regular expression (RE2)")
	}
	return &pattern{re, size}, nil
}

// patternSize counts what a repetition repeats as often as it is written out.
// Parse bounds the nesting and the product of repetitions.
func patternSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min+1, re.Max)
	}
	return min(size, patternSizeMax+1)
}

// match goes through the text once, with all instructions at worst.
func (p *pattern) match(f *frame, s string, at span) (value.Value, *Error) {
	if err := f.spend(textCost(len(s)*p.size), at); err != nil {
		return nil, err
	}
	return p.re.MatchString(s), nil
}

func matches(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	p, err := compilePattern(args[1].(string), n.spans[1])
	if err != nil {
		return nil, err
	}
	if err := f.spend(20+4*p.size, n.at); err != nil {
		return nil, err
	}
	return p.match(f, args[0].(string), n.at)
}

// prepareMatches compiles a constant pattern once.
func prepareMatches(n *callNode, args []*constNode) (func(*frame, *callNode, []value.Value) (value.Value, *Error), *Error) {
	if args[1] == nil {
		return nil, nil
	}
	p, err := compilePattern(args[1].v.(string), n.spans[1])
	if err != nil {
		return nil, err
	}
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		return p.match(f, args[0].(string), n.at)
	}, nil
}

// byteOffset is where character i begins; false beyond the end (which itself is
// a place).
func byteOffset(s string, i int64) (int, bool) {
	if i < 0 {
		return 0, false
	}
	offset := 0
	for ; i > 0; i-- {
		if offset == len(s) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(s[offset:])
		offset += size
	}
	return offset, true
}

func outOfText(n *callNode, position int64) *Error {
	return n.fail("`%s`: the position %d is outside the text", n.fn.name, position)
}

func charAt(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, i := args[0].(string), args[1].(int64)
	if err := f.spend(textCost(len(s)), n.at); err != nil {
		return nil, err
	}
	offset, ok := byteOffset(s, i)
	if !ok {
		return nil, outOfText(n, i)
	}
	_, size := utf8.DecodeRuneInString(s[offset:])
	return s[offset : offset+size], nil
}

// indexOf counts from the start also when it begins to look later.
func indexOf(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, part := args[0].(string), args[1].(string)
	if err := f.spend(textCost(len(s)), n.at); err != nil {
		return nil, err
	}
	start := 0
	if len(args) == 3 {
		from := args[2].(int64)
		if from < 0 {
			return nil, outOfText(n, from)
		}
		var ok bool
		if start, ok = byteOffset(s, from); !ok {
			return int64(-1), nil
		}
	}
	found := strings.Index(s[start:], part)
	if found < 0 {
		return int64(-1), nil
	}
	return int64(utf8.RuneCountInString(s[:start+found])), nil
}

// lastIndexOf looks for the last match that begins at or before a position.
func lastIndexOf(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, part := args[0].(string), args[1].(string)
	if err := f.spend(textCost(len(s)), n.at); err != nil {
		return nil, err
	}
	end := len(s)
	if len(args) == 3 {
		from := args[2].(int64)
		if from < 0 {
			return nil, outOfText(n, from)
		}
		offset, ok := byteOffset(s, from)
		if !ok {
			return int64(-1), nil
		}
		end = min(len(s), offset+len(part))
	}
	found := strings.LastIndex(s[:end], part)
	if found < 0 {
		return int64(-1), nil
	}
	return int64(utf8.RuneCountInString(s[:found])), nil
}

func substring(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, from := args[0].(string), args[1].(int64)
	if err := f.spend(textCost(len(s)), n.at); err != nil {
		return nil, err
	}
	start, ok := byteOffset(s, from)
	if !ok {
		return nil, outOfText(n, from)
	}
	if len(args) == 2 {
		return s[start:], nil
	}
	to := args[2].(int64)
	end, ok := byteOffset(s, to)
	if !ok {
		return nil, outOfText(n, to)
	}
	if end < start {
		return nil, n.fail("`substring`: the end %d is before the start %d", to, from)
	}
	return s[start:end], nil
}

func replace(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, old, with := args[0].(string), args[1].(string), args[2].(string)
	if err := f.spend(textCost(len(s)), n.at); err != nil {
		return nil, err
	}
	count := strings.Count(s, old)
	if len(args) == 4 {
		if limit := args[3].(int64); limit >= 0 {
			count = int(min(int64(count), limit))
		}
	}
	size := len(s) + count*(len(with)-len(old))
	if err := f.checkText(size, n.at); err != nil {
		return nil, err
	}
	if err := f.spend(textCost(size), n.at); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, with, count), nil
}

func split(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, separator := args[0].(string), args[1].(string)
	limit := int64(-1)
	if len(args) == 3 {
		limit = args[2].(int64)
	}
	if limit < 0 || limit > int64(len(s)) {
		limit = int64(len(s)) + 1
	}
	pieces := int(min(int64(strings.Count(s, separator))+1, limit))
	if err := f.spend(textCost(len(s))+pieces, n.at); err != nil {
		return nil, err
	}
	out := make([]any, 0, pieces)
	for _, piece := range strings.SplitN(s, separator, int(limit)) {
		out = append(out, piece)
	}
	return out, nil
}

func join(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list, separator := args[0].([]any), ""
	if len(args) == 2 {
		separator = args[1].(string)
	}
	size := len(separator) * max(0, len(list)-1)
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, n.fail("`join` needs a list of strings, but one is %s: list.map(x, string(x)).join(…)", kindOf(item).withArticle())
		}
		size += len(s)
	}
	if err := f.checkText(size, n.at); err != nil {
		return nil, err
	}
	if err := f.spend(len(list)+textCost(size), n.at); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	for i, item := range list {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(item.(string))
	}
	return b.String(), nil
}
