package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"rondo/topology/diag"
)

// Code names a kind of violation.
type Code string

// What can be wrong with a run, whatever the story. Stories have codes of their
// own beside these.
const (
	Lost             Code = "lost"              // a case that left no trace
	Unfinished       Code = "unfinished"        // a case without an outcome
	TwoOutcomes      Code = "two-outcomes"      // a case with more than one
	WrongReason      Code = "wrong-reason"      // an outcome that nothing on the topics explains
	DuplicateCommand Code = "duplicate-command" // the same id and attempt again
	MissingAttempt   Code = "missing-attempt"   // attempts with a gap, or out of order
	ExtraAttempt     Code = "extra-attempt"     // more attempts than the call has
	ChangedCommand   Code = "changed-command"   // attempts that are not the same command
	BadCommand       Code = "bad-command"       // headers missing or wrong
	SecondVisit      Code = "second-visit"      // a step sent anew that is done once per case
	SameEffectTwice  Code = "same-effect-twice" // one input, one step, the same command twice
	NoCause          Code = "no-cause"          // a command caused by a record that is not there
	NotUndone        Code = "not-undone"        // a failed case that still holds something
	UndoneTwice      Code = "undone-twice"      // two compensations of one command
	LeftOver         Code = "left-over"         // a command or deed of what never began
	Stored           Code = "stored"            // a case that was to leave nothing behind
	DeadLetter       Code = "dead-letter"       // an input that could not be used
	OpenTransaction  Code = "open-transaction"  // a transaction that nobody ended
	UnreadInput      Code = "unread-input"      // inputs that were never read
	Unreadable       Code = "unreadable"        // a record that the verdict cannot read
)

// Violation is one thing that is not as promised.
type Violation struct {
	Code Code   `json:"code"`
	Case string `json:"case,omitempty"`
	Text string `json:"text"`
	At   *Place `json:"at,omitempty"` // nil where it is about something absent
}

// Words are what a story calls what is counted; they are also the fields of the
// verdict's JSON.
type Words struct {
	Story     string // "checkout"
	Cases     string // "orders"
	Completed string // "completed"
	Failed    string // "failed"; "" where no case can
	Noted     string // what else is counted of the cases: "compensated"; "" for nothing
	Clean     string // what a clean verdict says
}

// Report is the outcome of a run.
type Report struct {
	Words Words

	Cases     int
	Completed int
	Failed    int
	Noted     int
	Lost      int // cases that left no trace
	// DuplicateCommands counts the surplus records per command id and attempt.
	DuplicateCommands int
	Unfinished        int // cases that began and have no outcome
	Kills             int

	// Latency from the hand-over of an event to its producer until the command
	// it caused can be read, in milliseconds; nil when nothing was measured.
	P50, P99 *float64
	// The same without the steps that were under way at a moment between a kill
	// and all partitions running again; only when nodes were killed.
	P50WithoutTakeovers, P99WithoutTakeovers *float64

	Commands   int // records on the command topics
	Retries    int // of them, attempts after the first
	Seed       uint64
	Seconds    float64
	Violations []Violation
}

// Clean reports whether nothing was found wrong.
func (r *Report) Clean() bool { return len(r.Violations) == 0 }

// field is one of the report's JSON object.
type field struct {
	name  string
	value any
}

func (r *Report) fields() []field {
	violations := r.Violations
	if violations == nil {
		violations = []Violation{}
	}
	fields := []field{
		{"story", r.Words.Story}, {r.Words.Cases, r.Cases}, {r.Words.Completed, r.Completed},
		{r.Words.Failed, r.Failed}, {r.Words.Noted, r.Noted},
		{"lost", r.Lost}, {"duplicate_commands", r.DuplicateCommands}, {"unfinished", r.Unfinished}, {"kills", r.Kills},
		{"p50_ms", r.P50}, {"p99_ms", r.P99},
	}
	if r.P50WithoutTakeovers != nil && r.P99WithoutTakeovers != nil {
		fields = append(fields, field{"p50_ms_without_takeovers", r.P50WithoutTakeovers}, field{"p99_ms_without_takeovers", r.P99WithoutTakeovers})
	}
	fields = append(fields, field{"commands", r.Commands}, field{"retries", r.Retries},
		field{"seed", r.Seed}, field{"seconds", r.Seconds}, field{"violations", violations})
	return slices.DeleteFunc(fields, func(f field) bool { return f.name == "" })
}

// WriteJSON writes the report as one JSON object on one line. Counts are named
// by the story's words.
func (r *Report) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	for i, f := range r.fields() {
		value, err := json.Marshal(f.value)
		if err != nil {
			return fmt.Errorf("write verdict: %s: %w", f.name, err)
		}
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(&b, "%s%q:%s", sep, f.name, value)
	}
	b.WriteString("}\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

// maxListed bounds the violations that WriteText lists in full.
const maxListed = 40

// WriteText writes the report for a person: what was counted, and each
// violation with its place.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	r.writeCounts(&b)
	r.writeLatency(&b)
	r.writeVerdict(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

func (r *Report) writeCounts(b *strings.Builder) {
	fmt.Fprintf(b, "%d %s: ", r.Cases, r.Words.Cases)
	for _, c := range []struct {
		n    int
		word string
	}{{r.Completed, r.Words.Completed}, {r.Failed, r.Words.Failed}, {r.Noted, r.Words.Noted}} {
		if c.word != "" {
			fmt.Fprintf(b, "%d %s, ", c.n, c.word)
		}
	}
	fmt.Fprintf(b, "%d unfinished, %d lost\n", r.Unfinished, r.Lost)
	fmt.Fprintf(b, "%s, %d of them retries; %s", diag.Count(r.Commands, "command"), r.Retries, diag.Count(r.DuplicateCommands, "duplicate"))
	if r.Kills > 0 {
		fmt.Fprintf(b, "; nodes killed %s", diag.Count(r.Kills, "time"))
	}
	fmt.Fprintf(b, "; %.0f s, seed %d\n", r.Seconds, r.Seed)
}

func (r *Report) writeLatency(b *strings.Builder) {
	if r.P50 == nil || r.P99 == nil {
		return
	}
	fmt.Fprintf(b, "step latency, event sent to command readable: p50 %.1f ms, p99 %.1f ms\n", *r.P50, *r.P99)
	if r.P50WithoutTakeovers != nil && r.P99WithoutTakeovers != nil {
		fmt.Fprintf(b, "  without steps under way between a kill and all partitions running again: p50 %.1f ms, p99 %.1f ms\n",
			*r.P50WithoutTakeovers, *r.P99WithoutTakeovers)
	}
}

func (r *Report) writeVerdict(b *strings.Builder) {
	if r.Clean() {
		fmt.Fprintf(b, "verdict: clean. %s\n", r.Words.Clean)
		return
	}
	fmt.Fprintf(b, "verdict: NOT CLEAN, %s\n", r.summary())
	for i, v := range r.Violations {
		if i == maxListed {
			fmt.Fprintf(b, "  … and %d more (--json lists them all)\n", len(r.Violations)-maxListed)
			return
		}
		fmt.Fprintf(b, "  %s\n", v)
	}
}

// summary counts the violations by code, the most frequent first.
func (r *Report) summary() string {
	counts := map[Code]int{}
	for _, v := range r.Violations {
		counts[v.Code]++
	}
	codes := make([]Code, 0, len(counts))
	for c := range counts {
		codes = append(codes, c)
	}
	slices.SortFunc(codes, func(a, b Code) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(codes))
	for i, c := range codes {
		parts[i] = fmt.Sprintf("%d %s", counts[c], c)
	}
	return strings.Join(parts, ", ")
}

// String is one line: code, case, text, place.
func (v Violation) String() string {
	s := string(v.Code)
	if v.Case != "" {
		s += " " + v.Case
	}
	s += ": " + v.Text
	if v.At != nil {
		s += " (" + v.At.String() + ")"
	}
	return s
}
