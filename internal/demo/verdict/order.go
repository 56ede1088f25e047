package verdict

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"rondo/internal/demo/ledger"
)

// Message types of the checkout.
const (
	orderPlaced    = "OrderPlaced"
	orderCancelled = "OrderCancelled"
	reserveStock   = "ReserveStock"
	releaseStock   = "ReleaseStock"
	chargeCard     = "ChargeCard"
	refundPayment  = "RefundPayment"
	printLabel     = "PrintLabel"
	orderCompleted = "OrderCompleted"
	orderFailed    = "OrderFailed"
)

// command is all records that carry one command id.
type command struct {
	id         string
	kind       string
	step       string
	undoes     string   // rondo-compensates; "" if it compensates nothing
	records    []Record // in the order of their partition
	attempts   []int    // of records, side by side
	attemptMax int
}

// order is what the topics say about one order.
type order struct {
	id        string
	placed    *Record
	cancelled bool
	commands  []*command // in the order of their first record
	byID      map[string]*command
	deeds     []deed
}

// deed is an entry of the ledger with its place.
type deed struct {
	ledger.Entry
	at Place
}

// lastTime is when the last attempt was written.
func (c *command) lastTime() time.Time { return c.records[len(c.records)-1].Time }

func (o *order) command(id string) *command {
	c, ok := o.byID[id]
	if !ok {
		c = &command{id: id}
		o.byID[id] = c
		o.commands = append(o.commands, c)
	}
	return c
}

// of lists the commands of one kind.
func (o *order) of(kind string) []*command {
	var out []*command
	for _, c := range o.commands {
		if c.kind == kind {
			out = append(out, c)
		}
	}
	return out
}

// outcomes lists the commands that say how the order ended.
func (o *order) outcomes() []*command {
	return append(o.of(orderCompleted), o.of(orderFailed)...)
}

// did lists what was done, each deed once.
func (o *order) did(what ledger.Deed) []deed {
	var out []deed
	seen := map[string]bool{}
	for _, d := range o.deeds {
		if d.Did == what && !seen[d.Command] {
			seen[d.Command] = true
			out = append(out, d)
		}
	}
	return out
}

// held lists the deeds of one kind that nothing has undone.
func (o *order) held(what, undo ledger.Deed) []deed {
	undone := map[string]bool{}
	for _, d := range o.did(undo) {
		undone[d.Undoes] = true
	}
	return slices.DeleteFunc(o.did(what), func(d deed) bool { return undone[d.Command] })
}

// undidSomething reports whether a compensation found something to undo.
func (o *order) undidSomething() bool {
	for _, d := range o.deeds {
		if d.Undoes != "" && !d.Nothing {
			return true
		}
	}
	return false
}

// casebook sorts the books by order. What cannot be read, or belongs to no
// order of the run, is a violation at once.
type casebook struct {
	books  *Books
	orders map[string]*order
	report *Report
}

func newCasebook(books *Books, report *Report) *casebook {
	c := &casebook{books: books, orders: map[string]*order{}, report: report}
	for i := range books.Orders {
		c.addOrder(&books.Orders[i])
	}
	for _, r := range books.Commands {
		c.addCommand(r)
	}
	for _, r := range books.Ledger {
		c.addDeed(r)
	}
	return c
}

// sorted lists the orders by id, so that a report reads the same each time.
func (c *casebook) sorted() []*order {
	out := make([]*order, 0, len(c.orders))
	for _, o := range c.orders {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *order) int { return cmp.Compare(a.id, b.id) })
	return out
}

func (c *casebook) addOrder(r *Record) {
	if !c.books.ofRun(r.Key) {
		return
	}
	o, ok := c.orders[r.Key]
	if !ok {
		o = &order{id: r.Key, byID: map[string]*command{}}
		c.orders[r.Key] = o
	}
	switch r.Headers["type"] {
	case orderPlaced:
		if o.placed == nil {
			o.placed = r
		}
	case orderCancelled:
		o.cancelled = true
	}
}

func (c *casebook) addCommand(r Record) {
	if !c.books.ofRun(r.Key) {
		return
	}
	o, ok := c.orders[r.Key]
	if !ok || o.placed == nil {
		c.report.add(LeftOver, r.Key, "a "+r.Headers["type"]+" for an order that was never placed", &r.Place)
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
	cmd := o.command(r.Headers["rondo-command-id"])
	if len(cmd.records) == 0 {
		cmd.kind, cmd.step, cmd.undoes = r.Headers["type"], r.Headers["rondo-step"], r.Headers["rondo-compensates"]
	}
	cmd.records = append(cmd.records, r)
	cmd.attempts = append(cmd.attempts, attempt)
	cmd.attemptMax = max(cmd.attemptMax, attempt)
}

// checkHeaders demands the headers that every command carries and returns its
// attempt.
func (c *casebook) checkHeaders(r *Record) (attempt int, ok bool) {
	for _, name := range []string{"type", "rondo-command-id", "rondo-attempt", "rondo-workflow", "rondo-key", "rondo-step"} {
		if r.Headers[name] == "" {
			c.report.add(BadCommand, r.Key, "no header "+name, &r.Place)
			return 0, false
		}
	}
	if key := r.Headers["rondo-key"]; key != r.Key {
		c.report.add(BadCommand, r.Key, "header rondo-key is "+key, &r.Place)
		return 0, false
	}
	attempt, err := strconv.Atoi(r.Headers["rondo-attempt"])
	if err != nil || attempt < 1 {
		c.report.add(BadCommand, r.Key, "header rondo-attempt is "+r.Headers["rondo-attempt"], &r.Place)
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
		c.report.add(Unreadable, r.Key, err.Error(), &r.Place)
		return
	}
	o, ok := c.orders[entry.Order]
	if !ok || o.placed == nil {
		c.report.add(LeftOver, r.Key, entry.Service+" "+string(entry.Did)+" for an order that was never placed", &r.Place)
		return
	}
	o.deeds = append(o.deeds, deed{Entry: entry, at: r.Place})
}

// outcomePayload is what the checkout says when an order ends.
type outcomePayload struct {
	Tracking string `json:"tracking"`
	Reason   string `json:"reason"`
}

func (c *casebook) payload(o *order, r *Record) (outcomePayload, bool) {
	var p outcomePayload
	if err := json.Unmarshal(r.Value, &p); err != nil {
		c.report.add(Unreadable, o.id, "outcome: "+err.Error(), &r.Place)
		return p, false
	}
	return p, true
}
