package value

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONError says what is wrong with a JSON text, and where.
type JSONError struct {
	Offset int // bytes before the place
	Text   string
}

func (e *JSONError) Error() string { return fmt.Sprintf("%s (byte %d)", e.Text, e.Offset) }

// FromJSON reads one JSON value. A whole number is an int, beyond 64 bits a
// decimal; a number with a fraction or an exponent is a double. The rest is what
// it looks like: a date stays text.
//
// It is strict where two readers could disagree, for then nobody knows which
// order was meant: a key that stands twice in an object, text that is not UTF-8,
// half of a surrogate pair (\ud83d alone), anything behind the value. Numbers
// must fit: at most 34 digits, no double beyond the largest. Nesting ends at
// DepthMax. The error is a *JSONError.
//
// The reader is our own because the kind of a number hangs on how it is written
// and a key that stands twice must be seen; the standard reader tells neither
// unless it is asked token by token, which costs more than reading at once.
func FromJSON(src []byte) (Value, error) {
	r := jsonReader{src: src}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.blank(); r.at < len(src) {
		return nil, r.fail("something follows the JSON value")
	}
	return v, nil
}

type jsonReader struct {
	src []byte
	at  int
}

func (r *jsonReader) fail(format string, args ...any) error {
	return &JSONError{Offset: r.at, Text: fmt.Sprintf(format, args...)}
}

func (r *jsonReader) blank() {
	for r.at < len(r.src) {
		switch r.src[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// next skips blanks and returns the next byte without taking it; 0 at the end.
func (r *jsonReader) next() byte {
	r.blank()
	if r.at == len(r.src) {
		return 0
	}
	return r.src[r.at]
}

func (r *jsonReader) value(depth int) (Value, error) {
	switch c := r.next(); {
	case c == '"':
		return r.text()
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case c == 't':
		return true, r.word("true")
	case c == 'f':
		return false, r.word("false")
	case c == 'n':
		return nil, r.word("null")
	case r.at == len(r.src):
		return nil, r.fail("the JSON text ends where a value is expected")
	}
	return nil, r.fail("%q does not begin a JSON value", r.src[r.at])
}

func (r *jsonReader) word(word string) error {
	if end := r.at + len(word); end > len(r.src) || string(r.src[r.at:end]) != word {
		return r.fail("not a JSON value (true, false and null are the only words)")
	}
	r.at += len(word)
	return nil
}

func (r *jsonReader) object(depth int) (Value, error) {
	if depth >= DepthMax {
		return nil, r.fail("%v", ErrTooDeep)
	}
	start := r.at
	r.at++
	if r.next() == '}' {
		r.at++
		return &Map{}, nil
	}
	var b MapBuilder
	b.Grow(8)
	for {
		if err := r.entry(&b, depth); err != nil {
			return nil, err
		}
		more, err := r.more('}')
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	m, twice, ok := b.Map()
	if !ok {
		return nil, &JSONError{Offset: start, Text: fmt.Sprintf("the key %q stands twice in one object", clip(twice))}
	}
	return m, nil
}

func (r *jsonReader) entry(b *MapBuilder, depth int) error {
	if r.next() != '"' {
		return r.fail("a key in quotes is expected")
	}
	key, err := r.text()
	if err != nil {
		return err
	}
	if r.next() != ':' {
		return r.fail("a colon is expected behind the key %q", clip(key))
	}
	r.at++
	v, err := r.value(depth + 1)
	if err != nil {
		return err
	}
	b.Add(key, v)
	return nil
}

func (r *jsonReader) array(depth int) (Value, error) {
	if depth >= DepthMax {
		return nil, r.fail("%v", ErrTooDeep)
	}
	r.at++
	list := []any{}
	if r.next() == ']' {
		r.at++
		return list, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		more, err := r.more(']')
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
	}
}

// more takes a comma (true) or the closing bracket (false).
func (r *jsonReader) more(closing byte) (bool, error) {
	c := r.next()
	if c != ',' && c != closing {
		return false, r.fail("a comma or %q is expected", closing)
	}
	r.at++
	return c == ',', nil
}

func (r *jsonReader) text() (string, error) {
	r.at++ // the quote
	start, ascii := r.at, true
	for ; r.at < len(r.src); r.at++ {
		switch c := r.src[r.at]; {
		case c == '"':
			raw := r.src[start:r.at]
			if !ascii && !utf8.Valid(raw) {
				r.at = start
				return "", r.fail("%v", ErrNotUTF8)
			}
			r.at++
			return string(raw), nil
		case c == '\\':
			return r.escapedText(start)
		case c < 0x20:
			return "", r.fail("a control character in text must be escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", r.fail("the text has no closing quote")
}

// escapedText reads text from start on, the reader standing on its first escape.
func (r *jsonReader) escapedText(start int) (string, error) {
	out := append(make([]byte, 0, 2*(r.at-start)+16), r.src[start:r.at]...)
	for r.at < len(r.src) {
		switch c := r.src[r.at]; {
		case c == '"':
			if !utf8.Valid(out) {
				r.at = start
				return "", r.fail("%v", ErrNotUTF8)
			}
			r.at++
			return string(out), nil
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, char)
		case c < 0x20:
			return "", r.fail("a control character in text must be escaped")
		default:
			out = append(out, c)
			r.at++
		}
	}
	return "", r.fail("the text has no closing quote")
}

func (r *jsonReader) escape() (rune, error) {
	if r.at+1 == len(r.src) {
		return 0, r.fail("the text has no closing quote")
	}
	c := r.src[r.at+1]
	if c == 'u' {
		return r.unicodeEscape()
	}
	char, ok := jsonEscapes[c]
	if !ok {
		return 0, r.fail("\\%c is no escape in JSON", c)
	}
	r.at += 2
	return char, nil
}

var jsonEscapes = map[byte]rune{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (r *jsonReader) unicodeEscape() (rune, error) {
	char, ok := r.hex(r.at)
	if !ok {
		return 0, r.fail("\\u needs four hexadecimal digits")
	}
	if !utf16.IsSurrogate(char) {
		r.at += 6
		return char, nil
	}
	second, ok := r.hex(r.at + 6)
	whole := utf16.DecodeRune(char, second)
	if !ok || whole == utf8.RuneError {
		return 0, r.fail("\\u%04x is half of a surrogate pair", char)
	}
	r.at += 12
	return whole, nil
}

// hex reads a \uXXXX that begins at offset at.
func (r *jsonReader) hex(at int) (rune, bool) {
	if at+6 > len(r.src) || r.src[at] != '\\' || r.src[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.src[at+2:at+6]), 16, 32)
	return rune(n), err == nil
}

func (r *jsonReader) number() (Value, error) {
	start := r.at
	if r.src[r.at] == '-' {
		r.at++
	}
	if !r.wholePart() {
		return nil, r.fail("not a JSON number")
	}
	whole := true
	if r.take('.') {
		whole = false
		if r.digits() == 0 {
			return nil, r.fail("not a JSON number: digits are expected behind the point")
		}
	}
	if r.take('e') || r.take('E') {
		whole = false
		_ = r.take('+') || r.take('-')
		if r.digits() == 0 {
			return nil, r.fail("not a JSON number: the exponent has no digits")
		}
	}
	v, err := numberOf(r.src[start:r.at], whole)
	if err != nil {
		r.at = start
		return nil, r.fail("%v", err)
	}
	return v, nil
}

// wholePart takes 0, or digits that do not begin with 0.
func (r *jsonReader) wholePart() bool {
	if r.take('0') {
		return r.at == len(r.src) || r.src[r.at] < '0' || r.src[r.at] > '9'
	}
	return r.digits() > 0
}

func (r *jsonReader) take(c byte) bool {
	if r.at < len(r.src) && r.src[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *jsonReader) digits() int {
	start := r.at
	for r.at < len(r.src) && '0' <= r.src[r.at] && r.src[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

func numberOf(text []byte, whole bool) (Value, error) {
	if !whole {
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil || math.IsInf(f, 0) {
			return nil, fmt.Errorf("the number %s is too large for a double", clip(string(text)))
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, nil
	}
	d, err := ParseDecimal(string(text))
	if err != nil {
		return nil, fmt.Errorf("the number %s has more than %d digits", clip(string(text)), DecimalDigitsMax)
	}
	return d, nil
}
