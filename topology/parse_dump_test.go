package topology

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/diag"
)

// dump writes what is set in a definition, with places, for golden files.
func dump(def *Definition) string {
	var out strings.Builder
	shown := *def
	shown.Source, shown.Files = nil, nil
	dumpValue(&out, reflect.ValueOf(shown), "")
	return out.String()
}

func dumpValue(out *strings.Builder, v reflect.Value, indent string) {
	switch x := v.Interface().(type) {
	case diag.Pos:
		fmt.Fprintf(out, "@%d:%d", x.Line, x.Column)
		return
	case time.Duration:
		out.WriteString(FormatDuration(x))
		return
	case *apd.Decimal:
		fmt.Fprintf(out, "decimal %s", x)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dumpValue(out, v.Elem(), indent)
	case reflect.Struct:
		out.WriteString(v.Type().Name())
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				fmt.Fprintf(out, "\n%s  %s: ", indent, f.Name)
				dumpValue(out, v.Field(i), indent+"  ")
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fmt.Fprintf(out, "\n%s  - ", indent)
			dumpValue(out, v.Index(i), indent+"    ")
		}
	default:
		fmt.Fprintf(out, "%#v", v.Interface())
	}
}

// completeFiles show together all that can be said.
var completeFiles = []string{"complete", "every"}

func TestAllThatCanBeSaidIsRead(t *testing.T) {
	for _, name := range completeFiles {
		src := readFile(t, "testdata/"+name+".yaml")
		def, list := Parse(name+".yaml", src, nil)
		if len(list) > 0 {
			t.Fatalf("findings:\n%s", rendered(t, list, src))
		}
		golden(t, "testdata/"+name+".txt", dump(def)+"\n")
	}
}

func TestTheCompleteDefinitionsHaveEveryWord(t *testing.T) {
	text := ""
	for _, name := range completeFiles {
		text += string(readFile(t, "testdata/"+name+".yaml"))
	}
	for _, w := range Words() {
		if !strings.Contains(text, w.Name+":") {
			t.Errorf("no file of testdata shows `%s`", w.Name)
		}
	}
}
