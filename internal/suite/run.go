package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/script"
	"rondo/topology/value"
)

// Definition is a workflow that a suite names.
type Definition struct {
	File     string
	Source   []byte
	Plan     *topology.Plan // nil if Findings has errors
	Wire     Wire           // nil: payloads stay as they are
	Findings diag.List
	Reads    []string // the files that it was made of: itself, and its schemas
}

// Wire carries payloads and rows by the schemas of one definition.
type Wire interface {
	Carry(ctx context.Context, m *topology.Message, payload value.Value) (value.Value, error)
	CarryRow(ctx context.Context, t *topology.Table, row value.Value) (value.Value, error)
}

// Runner runs files of tests.
type Runner struct {
	// Load reads and compiles a definition. An error ends the run: the file
	// cannot be read (one that is missing is fs.ErrNotExist and is reported at the
	// place in the suite), or the schema registry does not answer.
	Load func(ctx context.Context, file string) (*Definition, error)
	// Only, if set, is what the names of the tests that are run match.
	Only *regexp.Regexp
	// Transcripts also keeps those of tests that pass.
	Transcripts bool

	definitions map[string]*Definition // by file, of one Run
}

// Report is what a run has shown.
type Report struct {
	Suites   []Suite
	Coverage []Coverage // of each workflow that was tested, in the order of the first test
	Took     time.Duration
}

// Suite is one file of tests.
type Suite struct {
	File     string
	Findings diag.List // errors: its tests were not run
	Tests    []Test
	Took     time.Duration
	Reads    []string // all files that it depends on

	sources map[string][]byte
}

// Source gives the text of the files that findings and failures are about.
func (s *Suite) Source(file string) []byte { return s.sources[file] }

// Test is one script that was played.
type Test struct {
	Name       string
	Pos        diag.Pos
	Steps      int
	Took       time.Duration
	Failure    *script.Failure // nil: it passed
	Transcript string          // if it was asked for
}

// Run plays the tests in files, one after the other.
func (r *Runner) Run(ctx context.Context, files []string) (*Report, error) {
	r.definitions = map[string]*Definition{}
	began := time.Now()
	report := &Report{}
	cover := &coverage{}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		suite, err := r.suite(ctx, file, cover)
		if err != nil {
			return nil, err
		}
		report.Suites = append(report.Suites, *suite)
	}
	report.Coverage = cover.report()
	report.Took = time.Since(began)
	return report, nil
}

func (r *Runner) suite(ctx context.Context, file string, cover *coverage) (*Suite, error) {
	began := time.Now()
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the tests: %w", err)
	}
	out := &Suite{File: file, Reads: []string{file}, sources: map[string][]byte{file: src}}
	parsed, found := script.Parse(file, src)
	out.Findings = found
	if parsed == nil {
		return out, nil
	}
	definitions, err := r.definitionsOf(ctx, parsed, out)
	if err != nil || out.Findings.HasErrors() {
		return out, err
	}
	var plans []*topology.Plan
	for _, d := range definitions {
		plans = append(plans, d.Plan)
	}
	if out.Findings = parsed.Check(&wires{ctx, definitions}, plans...); out.Findings.HasErrors() {
		return out, nil
	}
	covered := cover.of(definitions)
	for _, test := range parsed.Tests {
		if r.Only == nil || r.Only.MatchString(test.Name) {
			out.Tests = append(out.Tests, r.test(test, plans, covered))
		}
	}
	out.Took = time.Since(began)
	return out, nil
}

// definitionsOf loads the definitions that a suite names. What is wrong with
// them is in out.Findings.
func (r *Runner) definitionsOf(ctx context.Context, parsed *script.Suite, out *Suite) ([]*Definition, error) {
	var definitions []*Definition
	for _, named := range parsed.Files() {
		file := filepath.Join(filepath.Dir(out.File), named.Name)
		d, err := r.load(ctx, file)
		if errors.Is(err, fs.ErrNotExist) {
			out.Findings = append(out.Findings, diag.Diagnostic{Code: script.CodeBadScript, Pos: named.Pos, Length: len([]rune(named.Name)),
				Message: fmt.Sprintf("there is no file %s", file), Help: "name the definition as it is found from this file's folder"})
			out.Reads = append(out.Reads, file)
			continue
		}
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, d)
		out.Reads = append(out.Reads, d.Reads...)
		out.sources[d.File] = d.Source
		if d.Findings.HasErrors() {
			out.Findings = append(out.Findings, d.Findings...)
		}
	}
	slices.Sort(out.Reads)
	out.Reads = slices.Compact(out.Reads)
	return definitions, nil
}

func (r *Runner) load(ctx context.Context, file string) (*Definition, error) {
	if d, ok := r.definitions[file]; ok {
		return d, nil
	}
	d, err := r.Load(ctx, file)
	if err == nil {
		r.definitions[file] = d
	}
	return d, err
}

// wires carries what is in a script by the schemas of each definition.
type wires struct {
	ctx         context.Context // of the run: a registry may be asked
	definitions []*Definition
}

func (w *wires) of(def *topology.Definition) Wire {
	for _, d := range w.definitions {
		if d.Plan.Definition() == def {
			return d.Wire
		}
	}
	return nil
}

// Carry implements script.Wire.
func (w *wires) Carry(def *topology.Definition, m *topology.Message, payload value.Value) (value.Value, error) {
	if wire := w.of(def); wire != nil {
		return wire.Carry(w.ctx, m, payload)
	}
	return payload, nil
}

// CarryRow implements script.Wire.
func (w *wires) CarryRow(def *topology.Definition, t *topology.Table, row value.Value) (value.Value, error) {
	if wire := w.of(def); wire != nil {
		return wire.CarryRow(w.ctx, t, row)
	}
	return row, nil
}

func (r *Runner) test(t script.Test, plans []*topology.Plan, seen func(script.Decided)) Test {
	began := time.Now()
	out := Test{Name: t.Name, Pos: t.Pos, Steps: len(t.Steps)}
	out.Failure = t.Play(seen, plans...)
	out.Took = time.Since(began)
	if r.Transcripts {
		out.Transcript = t.Transcript(plans...)
	}
	return out
}

// Failed counts the tests that failed, and the files that could not be run.
func (r *Report) Failed() (tests, files int) {
	for _, s := range r.Suites {
		if s.Findings.HasErrors() {
			files++
		}
		for _, t := range s.Tests {
			if t.Failure != nil {
				tests++
			}
		}
	}
	return tests, files
}

// Count counts the tests that were run, and their lines.
func (r *Report) Count() (tests, steps int) {
	for _, s := range r.Suites {
		tests += len(s.Tests)
		for _, t := range s.Tests {
			steps += t.Steps
		}
	}
	return tests, steps
}

// Reads are all files on which the report depends, sorted.
func (r *Report) Reads() []string {
	var out []string
	for _, s := range r.Suites {
		out = append(out, s.Reads...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
