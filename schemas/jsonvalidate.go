package schemas

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	rules "github.com/santhosh-tekuri/jsonschema/v6/kind"

	"rondo/topology/value"
)

// jsonSchema is a JSON Schema by which payloads are checked, compiled once. It may
// be used by many goroutines.
type jsonSchema struct {
	name string
	root *jsonschema.Schema
}

// compileJSONSchema compiles one of a definition's files. It may refer to others of
// them, and to nothing else: what it means must not depend on a network.
func compileJSONSchema(name string, files map[string][]byte) (*jsonSchema, error) {
	if _, ok := files[name]; !ok {
		return nil, fmt.Errorf("schema file %s is not among the definition's files", name)
	}
	loader := fileLoader{}
	for file, text := range files {
		loader[fileURL(file)] = text
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(loader)
	root, err := c.Compile(fileURL(name))
	if err != nil {
		return nil, fmt.Errorf("schema file %s cannot be used to check payloads: %w", name, err)
	}
	return &jsonSchema{name, root}, nil
}

func fileURL(name string) string {
	return (&url.URL{Scheme: "file", Path: path.Clean("/" + name)}).String()
}

// fileLoader finds files by their URL.
type fileLoader map[string][]byte

// Load makes fileLoader a jsonschema.URLLoader.
func (l fileLoader) Load(at string) (any, error) {
	text, ok := l[at]
	if !ok {
		return nil, errors.New("it is not among the definition's files: name it as a `schema` of a message, or put all into one file")
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
}

// misfit says where v, as JSON, is not what the schema describes, and which rule it
// breaks; "" if it fits. With partly, fields may be missing. Of several it is the first
// by place, and the text is ours: it must be the same for ever.
func (s *jsonSchema) misfit(v value.Value, partly bool) string {
	var failed *jsonschema.ValidationError
	if err := s.root.Validate(plainJSON(v)); !errors.As(err, &failed) {
		return ""
	}
	var found []misfit
	collectMisfits(failed, &found)
	found = slices.DeleteFunc(found, func(m misfit) bool { return partly && m.missing })
	if len(found) == 0 {
		return ""
	}
	first := slices.MinFunc(found, func(a, b misfit) int { return cmp.Or(cmp.Compare(a.pointer, b.pointer), cmp.Compare(a.rule, b.rule)) })
	return fmt.Sprintf("%s does not fit %s: %s", cmp.Or(first.pointer, "the whole"), s.name, first.rule)
}

// misfit is one rule that is broken.
type misfit struct {
	pointer string // RFC 6901
	rule    string
	missing bool // a field that is required is not there
}

func collectMisfits(e *jsonschema.ValidationError, out *[]misfit) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			collectMisfits(cause, out)
		}
		return
	}
	rule, missing := ruleText(e.ErrorKind)
	*out = append(*out, misfit{jsonPointer(e.InstanceLocation), rule, missing})
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func jsonPointer(path []string) string {
	var out strings.Builder
	for _, part := range path {
		out.WriteString("/" + pointerEscapes.Replace(part))
	}
	return out.String()
}

// ruleText names the rule of the schema that is broken, and what it demands.
func ruleText(k jsonschema.ErrorKind) (text string, missing bool) {
	word := strings.Join(k.KeywordPath(), "/")
	switch k := k.(type) {
	case *rules.Type:
		return fmt.Sprintf("`type` is %s, and this is %s", strings.Join(slices.Sorted(slices.Values(k.Want)), " or "), k.Got), false
	case *rules.Required:
		return "`required` names " + sortedList(k.Missing), true
	case *rules.DependentRequired:
		return "`dependentRequired` names " + sortedList(k.Missing), true
	case *rules.AdditionalProperties:
		return "`additionalProperties` forbids " + sortedList(k.Properties), false
	case *rules.Pattern:
		return "`pattern` is " + k.Want, false
	case *rules.Format:
		return "`format` is " + k.Want, false
	case *rules.Minimum:
		return "`minimum` is " + k.Want.RatString(), false
	case *rules.Maximum:
		return "`maximum` is " + k.Want.RatString(), false
	case *rules.MinLength:
		return fmt.Sprintf("`minLength` is %d", k.Want), false
	case *rules.MaxLength:
		return fmt.Sprintf("`maxLength` is %d", k.Want), false
	case *rules.FalseSchema:
		return "nothing is allowed here", false
	}
	return "`" + word + "`", false
}

func sortedList(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// plainJSON is v as the validator knows JSON.
func plainJSON(v value.Value) any {
	switch v := v.(type) {
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case value.JSONNumber:
		return json.Number(v)
	case *apd.Decimal:
		return v.String()
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return value.DurationText(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plainJSON(item)
		}
		return out
	case *value.Map:
		out := make(map[string]any, v.Len())
		for i := range v.Len() {
			name, item := v.At(i)
			out[name] = plainJSON(item)
		}
		return out
	}
	return v // null, bool, int, text
}

// misfitOfRead is misfit of what was read: its decimals were numbers.
func (s *jsonSchema) misfitOfRead(v value.Value, partly bool) string {
	if hasNumbers(v, false) {
		v = writtenNumbers(v, nil, func([]*jsonschema.Schema) numeral { return numeralNumber })
	}
	return s.misfit(v, partly)
}

// encode writes v as JSON that fits the schema: a decimal is a number where the
// schema says number and does not allow text, else text; what must be whole is written
// without a fraction. With partly, fields may be missing.
func (s *jsonSchema) encode(v value.Value, partly bool) ([]byte, error) {
	if _, err := value.ToJSON(v); err != nil {
		return nil, err // too deep, not finite: no schema is needed to see that
	}
	out := v
	if hasNumbers(v, true) {
		out = writtenNumbers(v, placesOf(nil, s.root), textIfAllowed)
	}
	wrong := s.misfit(out, partly)
	if wrong != "" && hasNumbers(v, false) {
		// Where both are allowed by different branches of the schema, only trying tells.
		if other := writtenNumbers(v, placesOf(nil, s.root), numberIfAllowed); s.misfit(other, partly) == "" {
			out, wrong = other, ""
		}
	}
	if wrong != "" {
		return nil, errors.New(wrong)
	}
	return value.ToJSON(out)
}

// hasNumbers reports whether there is a decimal in v, or, if doubles, a double.
func hasNumbers(v value.Value, doubles bool) bool {
	switch v := v.(type) {
	case *apd.Decimal:
		return true
	case float64:
		return doubles
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return hasNumbers(item, doubles) })
	case *value.Map:
		for i := range v.Len() {
			if _, item := v.At(i); hasNumbers(item, doubles) {
				return true
			}
		}
	}
	return false
}

// numeral is how a number that could be text is written.
type numeral int

const (
	numeralText   numeral = iota
	numeralNumber         // with its fraction
	numeralWhole          // without one, if it has none
)

func textIfAllowed(at []*jsonschema.Schema) numeral {
	if number, whole, text := allowed(at); (number || whole) && !text {
		return numeralOf(number)
	}
	return numeralText
}

func numberIfAllowed(at []*jsonschema.Schema) numeral {
	if number, whole, _ := allowed(at); number || whole {
		return numeralOf(number)
	}
	return numeralText
}

func numeralOf(number bool) numeral {
	if number {
		return numeralNumber
	}
	return numeralWhole
}

// allowed is what the types of the schemas that hold at a place name.
func allowed(at []*jsonschema.Schema) (number, whole, text bool) {
	for _, s := range at {
		if s.Types == nil {
			continue
		}
		for _, name := range s.Types.ToStrings() {
			number = number || name == "number"
			whole = whole || name == "integer"
			text = text || name == "string"
		}
	}
	return number, whole, text
}

// writtenNumbers replaces the numbers of v by those that are written, which the
// schemas at each place decide.
func writtenNumbers(v value.Value, at []*jsonschema.Schema, as func([]*jsonschema.Schema) numeral) value.Value {
	switch v := v.(type) {
	case *apd.Decimal:
		return writtenDecimal(v, as(at))
	case float64:
		if as(at) == numeralWhole && v == float64(int64(v)) {
			return int64(v)
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = writtenNumbers(item, itemPlaces(at, i), as)
		}
		return out
	case *value.Map:
		out := make(map[string]value.Value, v.Len())
		for i := range v.Len() {
			name, item := v.At(i)
			out[name] = writtenNumbers(item, fieldPlaces(at, name), as)
		}
		return value.MapOf(out)
	}
	return v
}

func writtenDecimal(d *apd.Decimal, as numeral) value.Value {
	if as == numeralText {
		return d
	}
	if as == numeralWhole {
		var whole apd.Decimal
		if whole.Reduce(d); whole.Exponent >= 0 {
			return value.JSONNumber(whole.Text('f'))
		}
	}
	return value.JSONNumber(d.Text('f'))
}

// placesOf adds the schemas that may hold where at does: what it refers to, and its
// branches.
func placesOf(out []*jsonschema.Schema, at *jsonschema.Schema) []*jsonschema.Schema {
	if at == nil || slices.Contains(out, at) {
		return out
	}
	out = append(out, at)
	out = placesOf(out, at.Ref)
	if at.DynamicRef != nil {
		out = placesOf(out, at.DynamicRef.Ref)
	}
	for _, list := range [...][]*jsonschema.Schema{at.AllOf, at.AnyOf, at.OneOf, {at.RecursiveRef, at.If, at.Then, at.Else}} {
		for _, branch := range list {
			out = placesOf(out, branch)
		}
	}
	return out
}

func fieldPlaces(at []*jsonschema.Schema, name string) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, s := range at {
		known := false
		if of, ok := s.Properties[name]; ok {
			out, known = placesOf(out, of), true
		}
		for pattern, of := range s.PatternProperties {
			if pattern.MatchString(name) {
				out, known = placesOf(out, of), true
			}
		}
		if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !known {
			out = placesOf(out, more)
		}
	}
	return out
}

func itemPlaces(at []*jsonschema.Schema, i int) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, s := range at {
		more := s.Items2020
		prefix := s.PrefixItems
		switch items := s.Items.(type) { // until draft 2019-09
		case *jsonschema.Schema:
			more = items
		case []*jsonschema.Schema:
			prefix = items
			more, _ = s.AdditionalItems.(*jsonschema.Schema)
		}
		if i < len(prefix) {
			more = prefix[i]
		}
		out = placesOf(out, more)
	}
	return out
}
