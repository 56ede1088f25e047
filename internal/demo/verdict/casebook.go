package verdict

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"rondo/internal/demo/ledger"
)

// Command is all records that carry one command id.
type Command struct {
	ID         string
	Kind       string // message type
	Step       string
	Undoes     string   // rondo-compensates; "" if it compensates nothing
	Records    []Record // in the order of their partition
	Attempts   []int    // of Records, side by side
	AttemptMax int
}

// First is the command's first record.
func (c *Command) First() *Record { return &c.Records[0] }

// LastTime is when the last attempt was written.
func (c *Command) LastTime() time.Time { return c.Records[len(c.Records)-1].Time }

// Case is what the topics say about one key.
type Case struct {
	Key      string
	Began    *Record  // the input that began it; nil: none did
	Inputs   []Record // in the order of their partitions
	Commands []*Command
	Deeds    []Deed

	byID map[string]*Command
}

// Deed is an entry of the ledger with its place.
type Deed struct {
	ledger.Entry
	At Place
}

// Command is the case's command with that id; nil if there is none.
func (c *Case) Command(id string) *Command { return c.byID[id] }

// Of lists the commands of one kind.
func (c *Case) Of(kind string) []*Command {
	var out []*Command
	for _, cmd := range c.Commands {
		if cmd.Kind == kind {
			out = append(out, cmd)
		}
	}
	return out
}

// Did lists what was done, each deed once.
func (c *Case) Did(what ledger.Deed) []Deed {
	var out []Deed
	seen := map[string]bool{}
	for _, d := range c.Deeds {
		if d.Did == what && !seen[d.Command+" "+d.ID] {
			seen[d.Command+" "+d.ID] = true
			out = append(out, d)
		}
	}
	return out
}

// Held lists the deeds of one kind that nothing has undone.
func (c *Case) Held(what, undo ledger.Deed) []Deed {
	undone := map[string]bool{}
	for _, d := range c.Did(undo) {
		undone[d.Undoes] = true
	}
	return slices.DeleteFunc(c.Did(what), func(d Deed) bool { return undone[d.Command] })
}

// UndidSomething reports whether a compensation found something to undo.
func (c *Case) UndidSomething() bool {
	return slices.ContainsFunc(c.Deeds, func(d Deed) bool { return d.Undoes != "" && !d.Nothing })
}

// command is the entry of an id, a new one if it is the first.
func (c *Case) command(id string) *Command {
	cmd, ok := c.byID[id]
	if !ok {
		cmd = &Command{ID: id}
		c.byID[id] = cmd
		c.Commands = append(c.Commands, cmd)
	}
	return cmd
}

// casebook sorts the books by case. What cannot be read, or belongs to no case
// of the run, is a violation at once.
type casebook struct {
	books  *Books
	cases  map[string]*Case
	report *Report
}

func newCasebook(books *Books, begins func(*Record) bool, report *Report) *casebook {
	c := &casebook{books: books, cases: map[string]*Case{}, report: report}
	for i := range books.Inputs {
		c.addInput(&books.Inputs[i], begins)
	}
	for _, r := range books.Commands {
		c.addCommand(r)
	}
	for _, r := range books.Ledger {
		c.addDeed(r)
	}
	return c
}

// sorted lists the cases by key, so that a report reads the same each time.
func (c *casebook) sorted() []*Case {
	out := make([]*Case, 0, len(c.cases))
	for _, one := range c.cases {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b *Case) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func (c *casebook) addInput(r *Record, begins func(*Record) bool) {
	if !c.books.ofRun(r.Key) {
		return
	}
	one, ok := c.cases[r.Key]
	if !ok {
		one = &Case{Key: r.Key, byID: map[string]*Command{}}
		c.cases[r.Key] = one
	}
	one.Inputs = append(one.Inputs, *r)
	if one.Began == nil && begins(r) {
		one.Began = r
	}
}

func (c *casebook) addCommand(r Record) {
	if !c.books.ofRun(r.Key) {
		return
	}
	one, ok := c.cases[r.Key]
	if !ok || one.Began == nil {
		c.report.Add(LeftOver, r.Key, "a "+r.Type()+" for what never began", &r.Place)
		return
	}
	c.report.Commands++
	attempt, ok := c.checkHeaders(&r)
	if !ok {
		return
	}
	if attempt > 1 {
		c.report.Retries++
	}
	cmd := one.command(r.Headers["rondo-command-id"])
	if len(cmd.Records) == 0 {
		cmd.Kind, cmd.Step, cmd.Undoes = r.Type(), r.Headers["rondo-step"], r.Headers["rondo-compensates"]
	}
	cmd.Records = append(cmd.Records, r)
	cmd.Attempts = append(cmd.Attempts, attempt)
	cmd.AttemptMax = max(cmd.AttemptMax, attempt)
}

// checkHeaders demands the headers that every command carries and returns its
// attempt.
func (c *casebook) checkHeaders(r *Record) (attempt int, ok bool) {
	for _, name := range []string{"type", "rondo-command-id", "rondo-attempt", "rondo-workflow", "rondo-key", "rondo-step"} {
		if r.Headers[name] == "" {
			c.report.Add(BadCommand, r.Key, "no header "+name, &r.Place)
			return 0, false
		}
	}
	if key := r.Headers["rondo-key"]; key != r.Key {
		c.report.Add(BadCommand, r.Key, "header rondo-key is "+key, &r.Place)
		return 0, false
	}
	attempt, err := strconv.Atoi(r.Headers["rondo-attempt"])
	if err != nil || attempt < 1 {
		c.report.Add(BadCommand, r.Key, "header rondo-attempt is "+r.Headers["rondo-attempt"], &r.Place)
		return 0, false
	}
	return attempt, true
}

func (c *casebook) addDeed(r Record) {
	if !c.books.ofRun(r.Key) {
		return
	}
	entry, err := ledger.Unmarshal(r.Value)
	if err != nil {
		c.report.Add(Unreadable, r.Key, err.Error(), &r.Place)
		return
	}
	one, ok := c.cases[entry.Key]
	if !ok || one.Began == nil {
		c.report.Add(LeftOver, r.Key, entry.Service+" "+string(entry.Did)+" for what never began", &r.Place)
		return
	}
	one.Deeds = append(one.Deeds, Deed{Entry: entry, At: r.Place})
}
