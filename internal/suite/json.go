package suite

import (
	"encoding/json"
	"io"
	"time"

	"rondo/topology/diag"
	"rondo/topology/script"
)

// JSON writes the report for programs: {passed, tests, failed, seconds, suites:
// [{file, findings, tests: [{name, file, line, column, passed, steps, seconds,
// transcript, failure: {file, line, column, expected, actual, fields: [{path,
// expected, actual, differs}], transcript}}]}], coverage: [{workflow, file,
// percent, kinds: {step: {reached, total}, …}, unreached: [{kind, name, file,
// line, column}]}]}.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r.wire())
}

type reportWire struct {
	Passed   bool           `json:"passed"`
	Tests    int            `json:"tests"`
	Failed   int            `json:"failed"`
	Seconds  float64        `json:"seconds"`
	Suites   []suiteWire    `json:"suites"`
	Coverage []coverageWire `json:"coverage"`
}

type suiteWire struct {
	File     string     `json:"file"`
	Findings diag.List  `json:"findings"`
	Tests    []testWire `json:"tests"`
}

type testWire struct {
	Name string `json:"name"`
	diag.Pos
	Passed     bool         `json:"passed"`
	Steps      int          `json:"steps"`
	Seconds    float64      `json:"seconds"`
	Transcript string       `json:"transcript,omitempty"`
	Failure    *failureWire `json:"failure,omitempty"`
}

type failureWire struct {
	diag.Pos
	Expected   string      `json:"expected"`
	Actual     string      `json:"actual"`
	Fields     []fieldWire `json:"fields,omitempty"`
	Transcript string      `json:"transcript"`
}

type fieldWire struct {
	Path     string `json:"path"`
	Expected string `json:"expected"`
	Actual   string `json:"actual,omitempty"`
	Differs  bool   `json:"differs"`
}

type coverageWire struct {
	Workflow  string              `json:"workflow"`
	File      string              `json:"file"`
	Percent   float64             `json:"percent"`
	Kinds     map[string]kindWire `json:"kinds"`
	Unreached []spotWire          `json:"unreached"`
}

type kindWire struct {
	Reached int `json:"reached"`
	Total   int `json:"total"`
}

type spotWire struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	diag.Pos
}

func (r *Report) wire() reportWire {
	tests, _ := r.Count()
	failed, wrong := r.Failed()
	out := reportWire{Passed: failed+wrong == 0, Tests: tests, Failed: failed, Seconds: r.Took.Seconds(), Suites: []suiteWire{}, Coverage: []coverageWire{}}
	for _, s := range r.Suites {
		wire := suiteWire{File: s.File, Findings: append(diag.List{}, s.Findings...), Tests: []testWire{}}
		for _, t := range s.Tests {
			wire.Tests = append(wire.Tests, t.wire())
		}
		out.Suites = append(out.Suites, wire)
	}
	for _, c := range r.Coverage {
		out.Coverage = append(out.Coverage, c.wire())
	}
	return out
}

func (t Test) wire() testWire {
	return testWire{Name: t.Name, Pos: t.Pos, Passed: t.Failure == nil, Steps: t.Steps, Seconds: seconds(t.Took),
		Transcript: t.Transcript, Failure: failureOf(t.Failure)}
}

func failureOf(f *script.Failure) *failureWire {
	if f == nil {
		return nil
	}
	out := &failureWire{Pos: f.Pos, Expected: f.Expected, Actual: f.Actual, Transcript: f.Transcript}
	for _, row := range f.Rows {
		out.Fields = append(out.Fields, fieldWire(row))
	}
	return out
}

func (c Coverage) wire() coverageWire {
	out := coverageWire{Workflow: c.Workflow, File: c.File, Percent: c.Percent(), Kinds: map[string]kindWire{}, Unreached: []spotWire{}}
	for _, k := range c.Kinds {
		out.Kinds[string(k.Kind)] = kindWire{k.Reached, k.Total}
	}
	for _, s := range c.Unreached {
		out.Unreached = append(out.Unreached, spotWire{string(s.Kind), s.Name, s.Pos})
	}
	return out
}

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
