package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rondo/processor"
)

// valueReader reads the value of one key into the File.
type valueReader = func(r *reader, at []string, n *yaml.Node)

func text(field func(*File) *string) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		if s, ok := r.scalar(at, n); ok {
			*field(r.out) = s
		}
	}
}

func path(field func(*File) *string) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		if s, ok := r.scalar(at, n); ok {
			*field(r.out) = r.relative(s)
		}
	}
}

func whole(field func(*File) *int) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		s, ok := r.scalar(at, n)
		if !ok {
			return
		}
		v, err := strconv.Atoi(s)
		if err != nil || v <= 0 {
			r.unread(n, at, fmt.Sprintf("%q is not a whole number above 0", s), "")
			return
		}
		*field(r.out) = v
	}
}

func duration(field func(*File) *time.Duration) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		s, ok := r.scalar(at, n)
		if !ok {
			return
		}
		d, err := time.ParseDuration(s)
		switch {
		case err == nil && d > 0:
			*field(r.out) = d
		case isNumber(s):
			r.unread(n, at, fmt.Sprintf("%q is a time without a unit", s), fmt.Sprintf("write %ss for seconds, %sms for milliseconds", s, s))
		default:
			r.unread(n, at, fmt.Sprintf("%q is not a duration", s), "write it as 500ms, 10s or 1m30s")
		}
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// size reads a number of bytes; "none" is the value given for it.
func size(field func(*File) *int, none int) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		s, ok := r.scalar(at, n)
		if !ok {
			return
		}
		v, ok := parseSize(s, none)
		if !ok {
			r.unread(n, at, fmt.Sprintf("%q is not a size", s), "write it as 16KiB, 1MiB or 4096, or none")
			return
		}
		*field(r.out) = v
	}
}

// someBytes is size without "none".
func someBytes(field func(*File) *int) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		s, ok := r.scalar(at, n)
		if !ok {
			return
		}
		v, ok := parseSize(s, -1)
		if !ok || v < 0 {
			r.unread(n, at, fmt.Sprintf("%q is not a size above 0", s), "write it as 16KiB, 1MiB or 4096")
			return
		}
		*field(r.out) = v
	}
}

func onOff(field func(*File) *bool) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		s, ok := r.scalar(at, n)
		if !ok {
			return
		}
		if s != "on" && s != "off" {
			r.unread(n, at, fmt.Sprintf("%q is neither on nor off", s), "")
			return
		}
		*field(r.out) = s == "on"
	}
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,9}) ?(B|KiB|MiB)?$`)

func parseSize(s string, none int) (int, bool) {
	if s == "none" {
		return none, true
	}
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	v, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, false
	}
	switch m[2] {
	case "KiB":
		v <<= 10
	case "MiB":
		v <<= 20
	}
	if v == 0 {
		return none, true
	}
	return v, true
}

// secret reads a reference to a secret; the secret itself is refused.
func secret(field func(*File) *processor.Secret) valueReader {
	return func(r *reader, at []string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && !reference.MatchString(n.Value) {
			r.bad = append(r.bad, strings.Join(at, "."))
			r.add(r.pos(n), 1, CodeSecret, strings.Join(at, ".")+" is written into the file",
				"name where it is kept instead: ${env:NAME} for a variable of the environment, ${file:PATH} for a file")
			return
		}
		if s, ok := r.scalar(at, n); ok {
			*field(r.out) = processor.NewSecret(s)
		}
	}
}

// scalar reads one text and puts in what it refers to.
func (r *reader) scalar(at []string, n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		r.unread(n, at, strings.Join(at, ".")+" is one value", "")
		return "", false
	}
	return r.expand(at, n)
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand replaces ${env:NAME} and ${file:PATH} in a scalar.
func (r *reader) expand(at []string, n *yaml.Node) (string, bool) {
	good := true
	out := reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		value, problem, help := r.lookup(ref[2 : len(ref)-1])
		if problem != "" {
			r.unread(n, at, problem, help)
			good = false
		}
		return value
	})
	return out, good
}

func (r *reader) lookup(ref string) (value, problem, help string) {
	kind, name, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		v, ok := r.in.Getenv(name)
		if !ok {
			return "", fmt.Sprintf("the variable %s of the environment is not set", name), "set it, or use ${file:PATH}"
		}
		return v, "", ""
	case "file":
		v, err := r.in.ReadFile(r.relative(name))
		if err != nil {
			return "", fmt.Sprintf("${file:%s} cannot be read: %v", name, err), ""
		}
		return strings.TrimRight(string(v), "\r\n"), "", ""
	}
	return "", fmt.Sprintf("${%s} says neither env nor file", ref), "write ${env:NAME} or ${file:PATH}"
}

// texts reads a list of texts.
func (r *reader) texts(at []string, n *yaml.Node) ([]string, bool) {
	if n.Kind != yaml.SequenceNode {
		r.unread(n, at, strings.Join(at, ".")+" is a list", "write it as [first, second]")
		return nil, false
	}
	var out []string
	for _, item := range n.Content {
		s, ok := r.scalar(at, item)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func (r *reader) brokers(at []string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		if s, ok := r.scalar(at, n); ok {
			r.out.Node.Brokers = commaList(s)
		}
		return
	}
	if list, ok := r.texts(at, n); ok {
		r.out.Node.Brokers = list
	}
}

// commaList splits "a:9092, b:9092".
func commaList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (r *reader) definitions(at []string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		if s, ok := r.scalar(at, n); ok {
			r.out.Definitions = []string{r.relative(s)}
		}
		return
	}
	list, ok := r.texts(at, n)
	if !ok {
		return
	}
	for _, p := range list {
		r.out.Definitions = append(r.out.Definitions, r.relative(p))
	}
}

func (r *reader) from(at []string, n *yaml.Node) {
	s, ok := r.scalar(at, n)
	if !ok {
		return
	}
	from, err := processor.ParseFrom(s)
	if err != nil {
		r.unread(n, at, err.Error(), "")
		return
	}
	r.source(at[1], func(src *processor.Source) { src.From = from })
}

func (r *reader) unmatched(at []string, n *yaml.Node) {
	s, ok := r.scalar(at, n)
	if !ok {
		return
	}
	if s != "skip" && s != "dead-letter" {
		r.unread(n, at, fmt.Sprintf("%q is not known", s), "choose skip or dead-letter")
		return
	}
	r.source(at[1], func(src *processor.Source) { src.UnmatchedDead = s == "dead-letter" })
}

func (r *reader) source(topic string, change func(*processor.Source)) {
	src := r.out.Node.Sources[topic]
	change(&src)
	r.out.Node.Sources[topic] = src
}

func (r *reader) listen(at []string, n *yaml.Node) {
	s, ok := r.scalar(at, n)
	if !ok {
		return
	}
	if s == "off" {
		r.out.Listen = ""
		return
	}
	if problem := checkListen(s); problem != "" {
		r.unread(n, at, problem, "")
		return
	}
	r.out.Listen = s
}
