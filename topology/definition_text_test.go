package topology_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/value"
)

// TestAnyDefinitionIsValid: what anyDefinition and its like draw could have been
// written by an author, and has every word of the language in it.
func TestAnyDefinitionIsValid(t *testing.T) {
	words := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		older := anyDefinition(t)
		for _, def := range []*topology.Definition{older, newerDefinition(t, older), lettersDefinition(t), sagaDefinition(t)} {
			text := textOf(def)
			if _, found := topology.Parse("any.yaml", []byte(text), nil); found.HasErrors() {
				t.Fatalf("%v\n%s", found, text)
			}
			for _, w := range topology.Words() {
				if strings.Contains(text, w.Name+":") {
					words[w.Name]++
				}
			}
		}
	})
	for _, w := range topology.Words() {
		switch w.Name {
		case "doc", "format", "schema", "type": // of messages as they are on the wire
		default:
			if words[w.Name] == 0 && !testing.Short() {
				t.Errorf("%s was never drawn", w.Name)
			}
		}
	}
}

// textOf is a definition as its author would have written it, a step to a line.
func textOf(def *topology.Definition) string {
	var out strings.Builder
	line := func(word, text string) {
		if text != "" {
			fmt.Fprintf(&out, "%s: %s\n", word, text)
		}
	}
	line("workflow", def.Name)
	line("version", strconv.Itoa(def.Version))
	out.WriteString("messages:\n")
	for _, m := range def.Messages {
		fmt.Fprintf(&out, "  %s: %s\n", m.Name, messageText(m))
	}
	for _, table := range def.Tables {
		line("tables", mapping(table.Name, mapping("topic", table.Topic)))
	}
	line("again", string(def.Again))
	line("start", startText(def))
	line("deadline", whenText(def.Deadline))
	line("anytime", rulesText(def.Anytime))
	out.WriteString("do:\n")
	for _, s := range def.Do {
		fmt.Fprintf(&out, "  - %s\n", namedText(s))
	}
	line("catch", rulesText(def.Catch))
	line("output", templateText(def.Output))
	if len(def.Search) > 0 {
		line("search", "["+strings.Join(def.Search, ", ")+"]")
	}
	line("keep", whenText(def.Keep))
	if m := def.Migrate; m != nil {
		var steps []string
		for _, s := range m.Steps {
			steps = append(steps, s.Old, s.New)
		}
		line("migrate", mapping("from", strconv.Itoa(m.From), "steps", optional(len(steps) > 0, mapping(steps...)), "set", setText(m.Set)))
	}
	return out.String()
}

// mapping is words with their values, without those that have none.
func mapping(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func optional(there bool, text string) string {
	if !there {
		return ""
	}
	return text
}

func list[T any](of []T, text func(T) string) string {
	out := make([]string, len(of))
	for i := range of {
		out[i] = text(of[i])
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func messageText(m *topology.Message) string {
	early := m.Early.Mode
	if m.Early.Hold > 0 {
		early = topology.FormatDuration(m.Early.Hold)
	}
	limit := ""
	if m.Limit != nil {
		limit = mapping("rate", optional(m.Limit.Rate > 0, fmt.Sprintf("%d/s", m.Limit.Rate)), "open", optional(m.Limit.Open > 0, strconv.Itoa(m.Limit.Open)))
	}
	return mapping("topic", m.Topic, "key", exprText(m.Key), "when", exprText(m.When), "early", early, "id", exprText(m.ID),
		"correlate", m.Correlate, "limit", limit, "timeout", whenText(m.Timeout), "retry", retryText(m.Retry))
}

func startText(def *topology.Definition) string {
	var pairs []string
	for _, r := range def.Start {
		pairs = append(pairs, r.Name, reactionsText(r.Alternatives))
	}
	if def.Child != nil {
		pairs = append(pairs, "run", reactionsText(def.Child))
	}
	if s := def.Schedule; s != nil {
		pairs = append(pairs, "every", optional(s.Every > 0, topology.FormatDuration(s.Every)), "cron", optional(s.Cron != "", strconv.Quote(s.Cron)),
			"zone", s.Zone, "key", exprText(s.Key), "set", setText(s.Reaction.Set))
	}
	return mapping(pairs...)
}

func exprText(e *topology.Expr) string {
	if e == nil {
		return ""
	}
	return strconv.Quote(e.Text)
}

func whenText(w *topology.When) string {
	switch {
	case w == nil:
		return ""
	case w.Expr != nil:
		return strconv.Quote("=" + w.Expr.Text)
	}
	return topology.FormatDuration(w.Duration)
}

func templateText(v *topology.Template) string {
	switch {
	case v == nil:
		return ""
	case v.Expr != nil:
		return strconv.Quote("=" + v.Expr.Text)
	}
	b, err := json.Marshal(v.Literal)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func setText(set []topology.Assignment) string {
	var pairs []string
	for _, a := range set {
		pairs = append(pairs, a.Name, templateText(a.Value))
	}
	return optional(len(set) > 0, mapping(pairs...))
}

func rulesText(rules []*topology.Rule) string {
	var pairs []string
	for _, r := range rules {
		pairs = append(pairs, r.Name, reactionsText(r.Alternatives))
	}
	return optional(len(rules) > 0, mapping(pairs...))
}

func reactionsText(alternatives []*topology.Step) string {
	if len(alternatives) == 1 {
		return stepText(alternatives[0])
	}
	return list(alternatives, stepText)
}

func namedText(s *topology.Step) string {
	if _, bare := s.Action.(*topology.Undo); bare {
		return mapping(s.Name, "compensate")
	}
	return mapping(s.Name, stepText(s))
}

func stepsText(steps []*topology.Step) string { return list(steps, namedText) }

func stepText(s *topology.Step) string {
	pairs := []string{"when", exprText(s.When), "if", exprText(s.If), "set", setText(s.Set)}
	pairs = append(pairs, actionText(s.Action)...)
	pairs = append(pairs, "timeout", whenText(s.Timeout), "retry", retryText(s.Retry), "catch", rulesText(s.Catch))
	if s.Then != nil {
		then := s.Then.Name
		if s.Then.Expr != nil {
			then = strconv.Quote("=" + s.Then.Expr.Text)
		}
		pairs = append(pairs, "then", then)
	}
	if s.Compensate != nil {
		pairs = append(pairs, "compensate", stepText(s.Compensate))
	}
	return mapping(pairs...)
}

func actionText(action topology.Action) []string {
	switch a := action.(type) {
	case *topology.Send:
		var headers []string
		for _, h := range a.Headers {
			headers = append(headers, h.Name, templateText(h.Value))
		}
		return []string{"send", a.Message, "with", templateText(a.With), "headers", optional(len(headers) > 0, mapping(headers...)), "await", rulesText(a.Await)}
	case *topology.Listen:
		rules := rulesText(a.Rules)
		if rules == "" {
			rules = "{}"
		}
		return []string{"listen", rules, "until", exprText(a.Until), "idle", whenText(a.Idle)}
	case *topology.Wait:
		return []string{"wait", whenText(a.For)}
	case *topology.Switch:
		return []string{"switch", list(a.Alternatives, stepText)}
	case *topology.Block:
		return []string{"do", stepsText(a.Do)}
	case *topology.Fork:
		var branches []string
		for _, b := range a.Branches {
			branches = append(branches, b.Name, stepsText(b.Do))
		}
		return []string{"fork", mapping(branches...), "join", joinText(a.Join)}
	case *topology.For:
		in := ""
		if a.In != nil {
			in = exprText(a.In.Expr)
		}
		loop := mapping("each", a.Each, "in", in, "while", exprText(a.While), "parallel", optional(a.In != nil, strconv.Itoa(a.Parallel)))
		return []string{"for", loop, "do", stepsText(a.Do), "join", joinText(a.Join), "collect", setText(a.Collect)}
	case *topology.Run:
		return []string{"run", a.Workflow, "key", exprText(a.Key), "with", templateText(a.With), "await", rulesText(a.Await)}
	case *topology.Raise:
		name := a.Error
		if a.Name != nil {
			name = strconv.Quote("=" + a.Name.Text)
		}
		return []string{"raise", mapping("error", name, "message", templateText(a.Message), "data", templateText(a.Data))}
	case *topology.End:
		if a.Fail == nil {
			return []string{"end", "complete"}
		}
		return []string{"end", mapping("fail", templateText(a.Fail), "data", templateText(a.Data))}
	}
	return nil
}

func joinText(j topology.Join) string {
	if j.Mode == "n" {
		return strconv.Itoa(j.N)
	}
	return j.Mode
}

func retryText(r *topology.Retry) string {
	if r == nil {
		return ""
	}
	attempts := "unlimited"
	if r.Attempts > 0 {
		attempts = strconv.Itoa(r.Attempts)
	}
	return mapping("attempts", attempts, "backoff", topology.FormatDuration(r.Backoff), "factor", thousandths(r.Factor), "max", topology.FormatDuration(r.Max),
		"jitter", thousandths(r.Jitter), "within", optional(r.Within > 0, topology.FormatDuration(r.Within)), "errors", list(r.Errors, func(s string) string { return s }))
}

func thousandths(n int) string { return value.Format(float64(n) / 1000) }
