package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"rondo/topology/diag"
)

var complexTypes = map[string]bool{"record": true, "error": true, "enum": true, "fixed": true, "array": true, "map": true}

// decimalPrecisionMax is far beyond any database's and within the range of the
// language's decimals; what claims more is bytes.
const decimalPrecisionMax = 300

// schemaParser turns the JSON tree of a schema into nodes.
type schemaParser struct {
	named  map[string]*node
	others []*Schema
	count  int
}

// parse returns the type that tree describes. Names without a dot belong to
// namespace ns.
func (p *schemaParser) parse(tree any, ns string, depth int) (*node, error) {
	if depth > schemaDepthMax {
		return nil, fmt.Errorf("nested deeper than %d", schemaDepthMax)
	}
	if p.count++; p.count > schemaTypesMax {
		return nil, fmt.Errorf("more than %d types", schemaTypesMax)
	}
	switch tree := tree.(type) {
	case string:
		return p.reference(tree, ns)
	case []any:
		return p.union(tree, ns, depth)
	case map[string]any:
		return p.object(tree, ns, depth)
	default:
		return nil, fmt.Errorf("%v is not a type", tree)
	}
}

func (p *schemaParser) reference(name, ns string) (*node, error) {
	if k, ok := primitives[name]; ok {
		return &node{kind: k}, nil
	}
	candidates := []string{name}
	if !strings.Contains(name, ".") && ns != "" {
		candidates = []string{ns + "." + name, name}
	}
	for _, full := range candidates {
		if n, ok := p.named[full]; ok {
			return n, nil
		}
		for _, s := range p.others {
			if n, ok := s.named[full]; ok {
				return n, nil
			}
		}
	}
	meant, _ := diag.Suggest(name, p.names())
	return nil, &unknownTypeError{name, meant}
}

// names are those of all types that are known here, in one order each time.
func (p *schemaParser) names() []string {
	names := slices.Collect(maps.Keys(p.named))
	for _, s := range p.others {
		names = slices.AppendSeq(names, maps.Keys(s.named))
	}
	slices.Sort(names)
	return append(slices.Sorted(maps.Keys(primitives)), names...)
}

// unknownTypeError is a name that no type of the schema has.
type unknownTypeError struct {
	name  string
	meant string // a type that is called nearly so; ""
}

func (e *unknownTypeError) Error() string {
	if e.meant != "" {
		return fmt.Sprintf("unknown type %q, did you mean %q?", e.name, e.meant)
	}
	return fmt.Sprintf("unknown type %q", e.name)
}

func (p *schemaParser) union(members []any, ns string, depth int) (*node, error) {
	if len(members) == 0 {
		return nil, errors.New("a union without members")
	}
	n := &node{kind: kindUnion}
	seen := map[string]bool{}
	for _, m := range members {
		branch, err := p.parse(m, ns, depth+1)
		if err != nil {
			return nil, err
		}
		if branch.kind == kindUnion {
			return nil, errors.New("a union directly within a union")
		}
		if seen[branch.key()] {
			return nil, fmt.Errorf("a union with %s twice", branch.key())
		}
		seen[branch.key()] = true
		n.branches = append(n.branches, branch)
	}
	return n, nil
}

func (p *schemaParser) object(o map[string]any, ns string, depth int) (*node, error) {
	word, ok := o["type"].(string)
	if !ok {
		if o["type"] == nil {
			return nil, errors.New("an object without \"type\"")
		}
		return p.parse(o["type"], ns, depth+1)
	}
	switch word {
	case "record", "error":
		return p.record(o, ns, depth)
	case "enum":
		return p.enum(o, ns)
	case "fixed":
		return p.fixed(o, ns)
	case "array":
		return p.collection(kindArray, o, "items", ns, depth)
	case "map":
		return p.collection(kindMap, o, "values", ns, depth)
	}
	n, err := p.reference(word, ns)
	if err == nil && n.name == "" {
		setLogical(n, o)
	}
	return n, err
}

func (p *schemaParser) collection(k kind, o map[string]any, part, ns string, depth int) (*node, error) {
	tree, ok := o[part]
	if !ok {
		return nil, fmt.Errorf("%s without %q", k, part)
	}
	item, err := p.parse(tree, ns, depth+1)
	if err != nil {
		return nil, err
	}
	return &node{kind: k, item: item}, nil
}

// define makes the node of a named type and returns the namespace within it.
func (p *schemaParser) define(k kind, o map[string]any, ns string) (*node, string, error) {
	name, _ := o["name"].(string)
	if own, ok := o["namespace"].(string); ok {
		ns = own
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		ns = name[:dot]
	} else if ns != "" {
		name = ns + "." + name
	}
	if err := checkFullName(name); err != nil {
		return nil, "", fmt.Errorf("%s: %w", k, err)
	}
	if p.named[name] != nil {
		return nil, "", fmt.Errorf("%s %s is defined twice", k, name)
	}
	n := &node{kind: k, name: name, typeNames: typeNamesOf(name)}
	p.named[name] = n
	return n, ns, nil
}

func (p *schemaParser) record(o map[string]any, ns string, depth int) (*node, error) {
	n, ns, err := p.define(kindRecord, o, ns)
	if err != nil {
		return nil, err
	}
	trees, ok := o["fields"].([]any)
	if !ok {
		return nil, fmt.Errorf("record %s without \"fields\"", n.name)
	}
	n.index = make(map[string]int, len(trees))
	for _, tree := range trees {
		f, err := p.field(tree, ns, depth)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", n.name, err)
		}
		if _, twice := n.index[f.name]; twice {
			return nil, fmt.Errorf("record %s has field %s twice", n.name, f.name)
		}
		n.index[f.name] = len(n.fields)
		n.fields = append(n.fields, f)
	}
	for _, name := range slices.Sorted(maps.Keys(n.index)) {
		n.byName = append(n.byName, n.index[name])
	}
	return n, nil
}

func (p *schemaParser) field(tree any, ns string, depth int) (field, error) {
	o, ok := tree.(map[string]any)
	if !ok {
		return field{}, errors.New("a field that is not an object")
	}
	name, _ := o["name"].(string)
	if err := checkName(name); err != nil {
		return field{}, fmt.Errorf("field: %w", err)
	}
	if o["type"] == nil {
		return field{}, fmt.Errorf("field %s without \"type\"", name)
	}
	// Many schemas put logicalType beside the field's type instead of within it.
	// Avro ignores it there, and so does this.
	typ, err := p.parse(o["type"], ns, depth+1)
	if err != nil {
		return field{}, fmt.Errorf("field %s: %w", name, err)
	}
	def, hasDefault := o["default"]
	return field{name: name, typ: typ, defaultJSON: def, hasDefault: hasDefault}, nil
}

func (p *schemaParser) enum(o map[string]any, ns string) (*node, error) {
	n, _, err := p.define(kindEnum, o, ns)
	if err != nil {
		return nil, err
	}
	list, _ := o["symbols"].([]any)
	if len(list) == 0 {
		return nil, fmt.Errorf("enum %s without \"symbols\"", n.name)
	}
	seen := map[string]bool{}
	for _, s := range list {
		symbol, _ := s.(string)
		if err := checkName(symbol); err != nil {
			return nil, fmt.Errorf("enum %s: symbol: %w", n.name, err)
		}
		if seen[symbol] {
			return nil, fmt.Errorf("enum %s has symbol %s twice", n.name, symbol)
		}
		seen[symbol] = true
		n.symbols = append(n.symbols, symbol)
	}
	return n, nil
}

func (p *schemaParser) fixed(o map[string]any, ns string) (*node, error) {
	n, _, err := p.define(kindFixed, o, ns)
	if err != nil {
		return nil, err
	}
	size, ok := wholeNumber(o["size"])
	if !ok || size < 1 || size > math.MaxInt32 {
		return nil, fmt.Errorf("fixed %s without a \"size\" of at least 1", n.name)
	}
	n.size = size
	setLogical(n, o)
	return n, nil
}

// setLogical notes the logical type of n, if it is one that is converted and
// fits the type under it. Avro says that one which does not fit is ignored.
func setLogical(n *node, o map[string]any) {
	word, _ := o["logicalType"].(string)
	switch word {
	case "decimal":
		setDecimal(n, o)
	case "uuid":
		if n.kind == kindString || n.kind == kindFixed && n.size == 16 {
			n.logical = word
		}
	case "date", "time-millis":
		if n.kind == kindInt {
			n.logical = word
		}
	case "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
		"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		if n.kind == kindLong {
			n.logical = word
		}
	case "duration":
		if n.kind == kindFixed && n.size == 12 {
			n.logical = word
		}
	}
}

func setDecimal(n *node, o map[string]any) {
	precision, ok := wholeNumber(o["precision"])
	if !ok || precision < 1 || precision > decimalPrecisionMax || n.kind != kindBytes && n.kind != kindFixed {
		return
	}
	scale := 0
	if o["scale"] != nil {
		if scale, ok = wholeNumber(o["scale"]); !ok || scale < 0 || scale > precision {
			return
		}
	}
	n.logical, n.digits, n.scale = "decimal", precision, scale
}

func wholeNumber(v any) (int, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := number.Int64()
	return int(i), err == nil
}

func checkFullName(full string) error {
	for part := range strings.SplitSeq(full, ".") {
		if err := checkName(part); err != nil {
			return fmt.Errorf("name %q: %w", full, err)
		}
	}
	if short := full[strings.LastIndexByte(full, '.')+1:]; short == "null" || primitives[short] != 0 {
		return fmt.Errorf("name %q is a type of Avro", full)
	}
	return nil
}

func checkName(s string) error {
	if s == "" {
		return errors.New("a name is missing")
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("%q is not a name of letters, digits and _", s)
		}
	}
	return nil
}
