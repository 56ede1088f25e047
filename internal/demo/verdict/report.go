package verdict

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Code names a kind of violation.
type Code string

// What can be wrong with a run.
const (
	Lost             Code = "lost"              // an order that left no trace
	Unfinished       Code = "unfinished"        // an order without an outcome
	TwoOutcomes      Code = "two-outcomes"      // an order with more than one
	WrongReason      Code = "wrong-reason"      // an outcome that nothing on the topics explains
	DuplicateCommand Code = "duplicate-command" // the same id and attempt again
	MissingAttempt   Code = "missing-attempt"   // attempts with a gap, or out of order
	ChangedCommand   Code = "changed-command"   // attempts that are not the same command
	BadCommand       Code = "bad-command"       // headers missing or wrong
	SecondVisit      Code = "second-visit"      // a step sent anew that is done once per order
	SameEffectTwice  Code = "same-effect-twice" // one input, one step, two commands
	NoCause          Code = "no-cause"          // a command caused by a record that is not there
	NotUndone        Code = "not-undone"        // a failed order that still holds something
	UndoneTwice      Code = "undone-twice"      // two compensations of one command
	WrongHolding     Code = "wrong-holding"     // a completed order without exactly one of each
	LeftOver         Code = "left-over"         // a command or deed of an order that was never placed
	DeadLetter       Code = "dead-letter"       // an input that could not be used
	OpenTransaction  Code = "open-transaction"  // a transaction that nobody ended
	UnreadInput      Code = "unread-input"      // inputs that were never read
	Unreadable       Code = "unreadable"        // a record that the verdict cannot read
)

// Violation is one thing that is not as promised.
type Violation struct {
	Code  Code   `json:"code"`
	Order string `json:"order,omitempty"`
	Text  string `json:"text"`
	At    *Place `json:"at,omitempty"` // nil where it is about something absent
}

// Report is the outcome of a run, as `rondo demo --json` prints it.
type Report struct {
	Orders      int `json:"orders"`
	Completed   int `json:"completed"`
	Failed      int `json:"failed"`
	Compensated int `json:"compensated"` // failed orders in which something was undone
	Lost        int `json:"lost"`        // orders that left no trace
	// DuplicateCommands counts the surplus records per command id and attempt.
	DuplicateCommands int `json:"duplicate_commands"`
	Unfinished        int `json:"unfinished"` // orders that began and have no outcome
	Kills             int `json:"kills"`

	// Latency from the hand-over of an event to its producer until the command
	// it caused can be read, in milliseconds; nil when nothing was measured.
	P50 *float64 `json:"p50_ms"`
	P99 *float64 `json:"p99_ms"`
	// The same without the steps that were under way at a moment between a kill
	// and all partitions running again; only when nodes were killed.
	P50WithoutTakeovers *float64 `json:"p50_ms_without_takeovers,omitempty"`
	P99WithoutTakeovers *float64 `json:"p99_ms_without_takeovers,omitempty"`

	Commands   int         `json:"commands"` // records on the command topics
	Retries    int         `json:"retries"`  // of them, attempts after the first
	Seed       uint64      `json:"seed"`
	Seconds    float64     `json:"seconds"`
	Violations []Violation `json:"violations"`
}

// Clean reports whether nothing was found wrong.
func (r *Report) Clean() bool { return len(r.Violations) == 0 }

// WriteJSON writes the report as one JSON object on one line.
func (r *Report) WriteJSON(w io.Writer) error {
	out := *r
	if out.Violations == nil {
		out.Violations = []Violation{}
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
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
	fmt.Fprintf(b, "%d orders: %d completed, %d failed (%d of them undone), %d unfinished, %d lost\n",
		r.Orders, r.Completed, r.Failed, r.Compensated, r.Unfinished, r.Lost)
	fmt.Fprintf(b, "%d commands, %d of them retries; %d duplicates", r.Commands, r.Retries, r.DuplicateCommands)
	if r.Kills > 0 {
		fmt.Fprintf(b, "; nodes killed %d times", r.Kills)
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
		b.WriteString("verdict: clean. Every order in one outcome, every command once, everything undone that had to be.\n")
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

// String is one line: code, order, text, place.
func (v Violation) String() string {
	s := string(v.Code)
	if v.Order != "" {
		s += " " + v.Order
	}
	s += ": " + v.Text
	if v.At != nil {
		s += " (" + v.At.String() + ")"
	}
	return s
}
