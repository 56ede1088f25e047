package suite

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"rondo/topology/diag"
)

// JUnit writes the report as JUnit XML, as build servers read it: a testsuite
// for each file, a failure for each script that differs, an error for a file that
// could not be run.
func (r *Report) JUnit(w io.Writer) error {
	tests, _ := r.Count()
	failed, wrong := r.Failed()
	out := junitSuites{Tests: tests + wrong, Failures: failed, Errors: wrong, Time: junitTime(r.Took.Seconds())}
	for i := range r.Suites {
		suite, err := r.Suites[i].junit()
		if err != nil {
			return err
		}
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string    `xml:"name,attr"`
	Class   string    `xml:"classname,attr"`
	File    string    `xml:"file,attr"`
	Line    int       `xml:"line,attr,omitempty"`
	Time    string    `xml:"time,attr"`
	Failure *junitWhy `xml:"failure"`
	Error   *junitWhy `xml:"error"`
}

type junitWhy struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func junitTime(seconds float64) string { return fmt.Sprintf("%.6f", seconds) }

func (s *Suite) junit() (junitSuite, error) {
	out := junitSuite{Name: s.File, Tests: len(s.Tests), Time: junitTime(s.Took.Seconds())}
	if s.Findings.HasErrors() {
		why, err := s.junitFindings()
		out.Tests, out.Errors = out.Tests+1, 1
		out.Cases = append(out.Cases, junitCase{Name: s.File, Class: s.File, File: s.File, Time: junitTime(0), Error: why})
		return out, err
	}
	for _, t := range s.Tests {
		c := junitCase{Name: t.Name, Class: s.File, File: s.File, Line: t.Pos.Line, Time: junitTime(t.Took.Seconds())}
		if t.Failure != nil {
			out.Failures++
			var err error
			if c.Failure, err = s.junitFailure(t); err != nil {
				return out, err
			}
		}
		out.Cases = append(out.Cases, c)
	}
	return out, nil
}

func (s *Suite) junitFindings() (*junitWhy, error) {
	var text bytes.Buffer
	if err := diag.Render(&text, s.Findings, s.Source, false); err != nil {
		return nil, err
	}
	first := s.Findings[0]
	return &junitWhy{first.String(), first.Code, clean(text.String())}, nil
}

func (s *Suite) junitFailure(t Test) (*junitWhy, error) {
	var text bytes.Buffer
	d := t.Failure.Diagnostic()
	if err := diag.RenderOne(&text, d, s.Source, false); err != nil {
		return nil, err
	}
	if err := t.Failure.Detail(&text); err != nil {
		return nil, err
	}
	return &junitWhy{clean(d.Message), d.Code, clean(text.String())}, nil
}

// clean takes out what XML cannot hold.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' {
			return '\uFFFD'
		}
		return c
	}, text)
}
