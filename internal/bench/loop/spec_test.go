package loop

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func validSpec() Spec {
	return Spec{
		Brokers: []string{"127.0.0.1:9092"}, Group: "loop", Kind: Ring, Partitions: 8,
		Inputs: []string{"in"}, StatsEvery: Duration(500 * time.Millisecond),
		Routes: []Route{{
			Headers: []HeaderMatch{{"type", "Replied"}}, Prefix: []byte{0xc3, 0x01},
			Outputs: []Output{{
				Topic: "out", Key: Text{Text: "{key}"},
				Headers: []Header{{"rondo-cause", Text{"{at}", 30}}}, Value: Value{Bytes: []byte{0, 1}, Size: 300},
			}},
		}},
		Progress: &Output{Topic: "changelog", Value: Value{Size: 200}},
	}
}

func TestSpecGoesThroughJSON(t *testing.T) {
	text, err := json.Marshal(validSpec())
	if err != nil {
		t.Fatal(err)
	}
	var back Spec
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, validSpec()) {
		t.Errorf("%s\nbecame %+v", text, back)
	}
}

func TestSpecNamesTheFieldThatIsWrong(t *testing.T) {
	if err := validSpec().Validate(); err != nil {
		t.Fatalf("a valid spec is refused: %v", err)
	}
	for field, spoil := range map[string]func(*Spec){
		"brokers":                    func(s *Spec) { s.Brokers = nil },
		"group":                      func(s *Spec) { s.Group = "" },
		"kind":                       func(s *Spec) { s.Kind = "circle" },
		"partitions":                 func(s *Spec) { s.Partitions = 0 },
		"rings":                      func(s *Spec) { s.Rings = 9 },
		"inputs":                     func(s *Spec) { s.Inputs = nil },
		"from":                       func(s *Spec) { s.From = "yesterday" },
		"maxInputs":                  func(s *Spec) { s.MaxInputs = -1 },
		"statsEvery":                 func(s *Spec) { s.StatsEvery = -1 },
		"routes[0].outputs[0].topic": func(s *Spec) { s.Routes[0].Outputs[0].Topic = "" },
		"progress.topic":             func(s *Spec) { s.Progress.Topic = "" },
	} {
		spec := validSpec()
		spoil(&spec)
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), "loop: "+field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
