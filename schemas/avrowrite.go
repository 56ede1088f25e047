package schemas

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// typeField, in a map, names the member of a union that the map is.
const typeField = "@type"

// Encode writes v as one datum: the same value always gives the same bytes. An
// error names the field that does not fit.
func (s *Schema) Encode(v value.Value) ([]byte, error) { return s.appendTo(nil, v) }

func (s *Schema) appendTo(b []byte, v value.Value) ([]byte, error) {
	c := conversion{parts: conversionsMax}
	fit, err := c.fit(s.root, v, 0)
	if err != nil {
		return nil, err
	}
	return s.codec.BinaryFromNative(b, fit.native)
}

// conversionsMax bounds the work of one Encode: choosing among members of
// unions that look alike may have to try very many combinations.
const conversionsMax = 400_000

// fit is a value in the form that goavro takes for a type. It is exact if the
// type is the value's own, and not one that it was converted to: a double in a
// double, not a double without a fraction in a long. Unions are chosen by it.
type fit struct {
	native any
	exact  bool
}

// conversion turns values into what goavro takes.
type conversion struct {
	parts int // still allowed: the members of unions are tried one after another
}

func unfit(format string, args ...any) *dataError {
	return &dataError{at: -1, text: fmt.Sprintf(format, args...)}
}

func (c *conversion) fit(n *node, v value.Value, depth int) (fit, *dataError) {
	if c.parts--; c.parts < 0 {
		return fit{}, unfit("too many fields and items for one record")
	}
	if depth > value.DepthMax {
		return fit{}, unfit("%v", value.ErrTooDeep)
	}
	switch n.kind {
	case kindUnion:
		return c.union(n, v, depth)
	case kindRecord:
		return c.record(n, v, depth+1)
	case kindArray:
		return c.array(n, v, depth+1)
	case kindMap:
		return c.mapping(n, v, depth+1)
	}
	native, exact, err := scalar(n, v)
	if err != nil {
		return fit{}, err
	}
	return fit{native: native, exact: exact}, nil
}

func (c *conversion) record(n *node, v value.Value, depth int) (fit, *dataError) {
	m, ok := v.(*value.Map)
	if !ok {
		return fit{}, mismatch(v, "a map for the record "+n.name)
	}
	for i := range m.Len() {
		name, v := m.At(i)
		if _, known := n.index[name]; !known && !(name == typeField && isNamed(n, v)) {
			return fit{}, unfit("%s has no field %q%s", n.name, name, didYouMean(name, n))
		}
	}
	native := make(fields, len(n.fields))
	exact := true
	for i := range n.fields {
		f := &n.fields[i]
		v, ok := m.Lookup(f.name)
		if !ok {
			if err := f.missing(); err != nil {
				return fit{}, err.under(f.name)
			}
			native[f.name] = f.def
			continue
		}
		part, err := c.fit(f.typ, v, depth)
		if err != nil {
			return fit{}, err.under(f.name)
		}
		native[f.name] = part.native
		exact = exact && part.exact
	}
	return fit{native: native, exact: exact}, nil
}

// missing says why a field cannot be left out, if it cannot.
func (f *field) missing() *dataError {
	switch {
	case !f.hasDefault:
		return unfit("is missing and has no default")
	case f.defErr != nil:
		return unfit("is missing, and its default in the schema does not fit: %v", f.defErr)
	}
	return nil
}

func (c *conversion) array(n *node, v value.Value, depth int) (fit, *dataError) {
	list, ok := v.([]any)
	if !ok {
		return fit{}, mismatch(v, "a list")
	}
	items := make([]any, len(list))
	exact := true
	for i, v := range list {
		item, err := c.fit(n.item, v, depth)
		if err != nil {
			return fit{}, err.under(fmt.Sprintf("[%d]", i))
		}
		items[i] = item.native
		exact = exact && item.exact
	}
	return fit{native: items, exact: exact}, nil
}

func (c *conversion) mapping(n *node, v value.Value, depth int) (fit, *dataError) {
	m, ok := v.(*value.Map)
	if !ok {
		return fit{}, mismatch(v, "a map")
	}
	entries := make([]any, m.Len())
	exact := true
	for i := range entries {
		key, v := m.At(i)
		item, err := c.fit(n.item, v, depth)
		if err != nil {
			return fit{}, err.under(fmt.Sprintf("[%q]", key))
		}
		entries[i] = fields{"key": key, "value": item.native}
		exact = exact && item.exact
	}
	return fit{native: fields{"entries": entries}, exact: exact}, nil
}

// union takes the member that @type names, else the first one that fits
// exactly, else the first one that the value can be converted to.
func (c *conversion) union(n *node, v value.Value, depth int) (fit, *dataError) {
	if m, ok := v.(*value.Map); ok {
		if name, ok := m.Lookup(typeField); ok {
			return c.namedMember(n, name, m, depth)
		}
	}
	var found *fit
	var errs []*dataError
	for _, branch := range n.branches {
		part, err := c.fit(branch, v, depth)
		if err != nil {
			if branch.kind != kindNull {
				errs = append(errs, err)
			}
			continue
		}
		if found == nil || part.exact {
			found = &fit{native: wrap(branch, part.native), exact: part.exact}
		}
		if part.exact {
			break
		}
	}
	if found == nil {
		return fit{}, unionMismatch(n, v, errs)
	}
	return *found, nil
}

func (c *conversion) namedMember(n *node, name value.Value, m *value.Map, depth int) (fit, *dataError) {
	for _, branch := range n.branches {
		if branch.kind != kindRecord || !isNamed(branch, name) {
			continue
		}
		part, err := c.fit(branch, m, depth)
		if err != nil {
			return fit{}, err
		}
		return fit{native: wrap(branch, part.native), exact: true}, nil
	}
	return fit{}, unfit("%s is %v, which is no record of the union %s", typeField, name, memberNames(n))
}

// isNamed reports whether name is the full or the short name of n.
func isNamed(n *node, name value.Value) bool {
	text, ok := name.(string)
	return ok && (text == n.name || text == n.name[strings.LastIndexByte(n.name, '.')+1:])
}

// wrap returns a member's value as goavro takes it in a union.
func wrap(branch *node, native any) any {
	if branch.kind == kindNull {
		return nil
	}
	return fields{branch.wireKey(): native}
}

// unionMismatch explains why v fits no member. With one member besides null,
// what is wrong with that one says it best.
func unionMismatch(n *node, v value.Value, errs []*dataError) *dataError {
	if len(errs) == 1 && v != nil {
		return errs[0]
	}
	text := fmt.Sprintf("%s fits no member of the union %s", describe(v), memberNames(n))
	if _, isMap := v.(*value.Map); isMap {
		for _, err := range errs[:min(3, len(errs))] {
			text += "; " + shorten(err.Error(), 120) // they nest: whole, they would grow without end
		}
	}
	return unfit("%s", text)
}

// shorten cuts a text that is for people.
func shorten(text string, runesMax int) string {
	runes := []rune(text)
	if len(runes) <= runesMax {
		return text
	}
	return string(runes[:runesMax]) + "…"
}

func memberNames(n *node) string {
	names := make([]string, len(n.branches))
	for i, branch := range n.branches {
		names[i] = branch.key()
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func mismatch(v value.Value, wanted string) *dataError {
	return unfit("%s is needed, not %s", wanted, describe(v))
}

// describe tells what a value is, without telling what it holds: payloads do
// not belong into logs.
func describe(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "a whole number"
	case float64:
		return "a double"
	case *apd.Decimal:
		return "a decimal"
	case string:
		return "a text"
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case time.Time:
		return "a timestamp"
	case time.Duration:
		return "a duration"
	case []any:
		return "a list"
	case *value.Map:
		return "a map"
	}
	return fmt.Sprintf("%T", v)
}

// didYouMean offers a field whose name differs in case or underscores only,
// which is what is mostly wrong.
func didYouMean(name string, n *node) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, f := range n.fields {
		if plain(f.name) == plain(name) {
			return fmt.Sprintf(" (did you mean %q?)", f.name)
		}
	}
	return ""
}

// scalar converts to a type that has no types within it.
func scalar(n *node, v value.Value) (native any, exact bool, err *dataError) {
	switch n.kind {
	case kindNull:
		if v != nil {
			return nil, false, mismatch(v, "null")
		}
		return nil, true, nil
	case kindBoolean:
		if _, ok := v.(bool); !ok {
			return nil, false, mismatch(v, "a boolean")
		}
		return v, true, nil
	case kindInt, kindLong:
		return integer(n, v)
	case kindFloat, kindDouble:
		return floating(n, v)
	case kindString:
		return text(n, v)
	case kindEnum:
		return symbol(n, v)
	default:
		return octets(n, v)
	}
}

func integer(n *node, v value.Value) (any, bool, *dataError) {
	if n.logical != "" {
		return temporal(n, v)
	}
	i, err := wholeOf(v)
	if err != nil {
		return nil, false, err
	}
	_, exact := v.(int64)
	if n.kind == kindLong {
		return i, exact, nil
	}
	if i < math.MinInt32 || i > math.MaxInt32 {
		return nil, false, unfit("%d is not an int of 32 bits", i)
	}
	return int32(i), exact, nil
}

// wholeOf returns any number without a fraction that has 64 bits.
func wholeOf(v value.Value) (int64, *dataError) {
	if i, ok := v.(int64); ok {
		return i, nil
	}
	d, ok := value.DecimalOf(v)
	if !ok {
		return 0, mismatch(v, "a whole number")
	}
	n, err := unscale(d, 0, value.DecimalDigitsMax)
	switch {
	case err != nil && d.Exponent < 0:
		return 0, unfit("%v is not a whole number", v)
	case err != nil || !n.IsInt64():
		return 0, unfit("%v has more than 64 bits", v)
	}
	return n.Int64(), nil
}

func floating(n *node, v value.Value) (any, bool, *dataError) {
	var f float64
	exact := false
	switch v := v.(type) {
	case float64:
		f, exact = v, true
	case int64:
		f = float64(v)
	case *apd.Decimal:
		var err error
		if f, err = v.Float64(); err != nil {
			return nil, false, unfit("%v is out of the range of a double", v)
		}
	default:
		return nil, false, mismatch(v, "a number")
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, false, unfit("%v", value.ErrNotFinite)
	}
	if n.kind == kindDouble {
		return f, exact, nil
	}
	short := float32(f)
	if math.IsInf(float64(short), 0) {
		return nil, false, unfit("%v is out of the range of a float", f)
	}
	return short, exact && float64(short) == f, nil
}

func text(n *node, v value.Value) (any, bool, *dataError) {
	s, ok := v.(string)
	if !ok {
		return nil, false, mismatch(v, "a text")
	}
	if n.logical == "uuid" {
		if _, err := uuidBytes(s); err != nil {
			return nil, false, unfit("%v", err)
		}
	}
	if !utf8.ValidString(s) {
		return nil, false, unfit("the text is not valid UTF-8")
	}
	return v, true, nil // not s, which would have to be put into memory of its own
}

func symbol(n *node, v value.Value) (any, bool, *dataError) {
	s, ok := v.(string)
	if !ok {
		return nil, false, mismatch(v, "a symbol of "+n.name)
	}
	if !slices.Contains(n.symbols, s) {
		return nil, false, unfit("%q is no symbol of %s: [%s]", s, n.name, strings.Join(n.symbols, ", "))
	}
	return s, true, nil
}

// octets converts to bytes and fixed.
func octets(n *node, v value.Value) (any, bool, *dataError) {
	switch n.logical {
	case "decimal":
		return decimal(n, v)
	case "duration":
		return period(v)
	case "uuid":
		s, ok := v.(string)
		if !ok {
			return nil, false, mismatch(v, "a UUID as text")
		}
		b, err := uuidBytes(s)
		if err != nil {
			return nil, false, unfit("%v", err)
		}
		return b, true, nil
	}
	b, ok := v.([]byte)
	if !ok {
		return nil, false, mismatch(v, "bytes")
	}
	if n.kind == kindFixed && len(b) != n.size {
		return nil, false, unfit("%s has %d bytes, not %d", n.name, n.size, len(b))
	}
	return b, true, nil
}

func decimal(n *node, v value.Value) (any, bool, *dataError) {
	d, ok := value.DecimalOf(v)
	if !ok {
		return nil, false, mismatch(v, "a number")
	}
	unscaled, err := unscale(d, n.scale, n.digits)
	if err != nil {
		return nil, false, unfit("%v", err)
	}
	b, fits := twosComplement(unscaled, n.size)
	if !fits {
		return nil, false, unfit("%v does not fit into the %d bytes of %s", d, n.size, n.name)
	}
	_, exact := v.(*apd.Decimal)
	return b, exact, nil
}

func period(v value.Value) (any, bool, *dataError) {
	switch v := v.(type) {
	case string:
		b, err := periodBytes(v)
		if err != nil {
			return nil, false, unfit("%v", err)
		}
		return b, true, nil
	case time.Duration:
		millis := v.Milliseconds()
		if millis < 0 || millis > math.MaxUint32 {
			return nil, false, unfit("%v does not fit into the milliseconds of Avro's duration", v)
		}
		return packPeriod(0, 0, uint32(millis)), false, nil
	}
	return nil, false, mismatch(v, "a period as text (P1M2DT3.004S)")
}

// temporal converts to the times and dates that Avro counts in an int or long.
func temporal(n *node, v value.Value) (any, bool, *dataError) {
	var count int64
	var exact bool
	var err *dataError
	switch n.logical {
	case "timestamp-millis", "timestamp-micros", "timestamp-nanos":
		t, ok := v.(time.Time)
		if !ok {
			return nil, false, mismatch(v, "a timestamp, such as timestamp(text),")
		}
		exact = true
		count, err = countOf(t, n.logical)
	case "date":
		count, exact, err = daysOf(v)
	default:
		exact = true
		count, err = countOfText(n.logical, v)
	}
	if err != nil {
		return nil, false, err
	}
	if n.kind == kindInt {
		return int32(count), exact, nil // a date has at most 7 digits, a time of the day 8
	}
	return count, exact, nil
}

// countOf counts the time since the epoch in the unit that a logical type
// names, rounded down.
func countOf(t time.Time, logical string) (int64, *dataError) {
	switch {
	case strings.HasSuffix(logical, "millis"):
		return t.UnixMilli(), nil
	case strings.HasSuffix(logical, "micros"):
		return t.UnixMicro(), nil
	}
	nanos := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(int64(time.Second)))
	nanos.Add(nanos, big.NewInt(int64(t.Nanosecond())))
	if !nanos.IsInt64() {
		return 0, unfit("the time is outside the years 1678 to 2262 that nanoseconds can count")
	}
	return nanos.Int64(), nil
}

func daysOf(v value.Value) (days int64, exact bool, err *dataError) {
	if t, ok := v.(time.Time); ok {
		if t.Unix()%secondsPerDay != 0 || t.Nanosecond() != 0 {
			return 0, false, unfit("a date is needed, not a time of the day (00:00Z would be one)")
		}
		return t.Unix() / secondsPerDay, false, nil
	}
	s, ok := v.(string)
	if !ok {
		return 0, false, mismatch(v, "a date as text (2006-01-31)")
	}
	t, bad := time.Parse(dateLayout, s)
	if bad != nil {
		return 0, false, unfit("%q is not a date such as 2006-01-31", s)
	}
	return t.Unix() / secondsPerDay, true, nil
}

// countOfText reads the texts of times without a zone: of a day, or local.
func countOfText(logical string, v value.Value) (int64, *dataError) {
	layout, example := clockLayout, "15:04:05.999"
	if strings.HasPrefix(logical, "local") {
		layout, example = localLayout, "2006-01-31T15:04:05.999"
	}
	s, ok := v.(string)
	if !ok {
		return 0, mismatch(v, "a time as text ("+example+")")
	}
	t, err := time.Parse(layout, s)
	if err != nil || strings.Contains(s, ",") || len(s) > len(layout) {
		return 0, unfit("%q is not a time such as %s", s, example)
	}
	if layout == clockLayout {
		t = t.AddDate(1970, 0, 0) // from year 0, where Parse puts it, to the epoch
	}
	if finer := t.Nanosecond() % int(unitOf(logical)); finer != 0 {
		return 0, unfit("%q is finer than %s", s, logical)
	}
	return countOf(t, logical)
}

func unitOf(logical string) time.Duration {
	switch {
	case strings.HasSuffix(logical, "millis"):
		return time.Millisecond
	case strings.HasSuffix(logical, "micros"):
		return time.Microsecond
	}
	return time.Nanosecond
}
