package execution

import (
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"sync"

	files "rondo/examples/best-execution"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
)

// What can be wrong with this story beside what can be with each.
const (
	OpenPosition verdict.Code = "open-position" // filled and hedged is not what was ordered
	WrongReport  verdict.Code = "wrong-report"  // sums that the fills do not give
	WrongHedge   verdict.Code = "wrong-hedge"   // a hedge that nothing explains, or of another quantity
	WrongLeg     verdict.Code = "wrong-leg"     // a leg that the order does not name, or twice, or behind the report
)

// schemasOnce loads the schemas of the example, by which the verdict reads.
var schemasOnce = sync.OnceValues(func() (*services.Codecs, error) {
	schemas, err := fs.Sub(files.Files, "schemas")
	if err != nil {
		return nil, fmt.Errorf("find the schemas: %w", err)
	}
	return services.LoadCodecs(schemas, orderReceivedType, legFilledType, placeLegType, placeHedgeType, executionReportType)
})

// Judge demands of every order, beside what every story promises:
//
//   - exactly one ExecutionReport;
//   - if it was refused, a reason, and nothing bought;
//   - otherwise one leg for each venue at most, none behind the report; each
//     fill either counted in the report or given back, once; what was not filled
//     hedged; and so what the services did makes exactly what was ordered.
func Judge(books *verdict.Books) *verdict.Report {
	return verdict.Judge(books, verdict.Rules{
		Words:  words,
		Begins: func(r *verdict.Record) bool { return r.Topic == ordersTopic },
		Calls:  []verdict.Call{{Kind: checkRiskType, Visits: 1}},
		Case:   judgeOrder,
	})
}

// order is one order under judgement.
type order struct {
	*verdict.Case
	report  *verdict.Report
	ordered int64
	venues  map[string]int64 // quantity by name
	fills   []fill           // each once, in the order of their partition
}

// fill is what a venue told of.
type fill struct {
	id, venue string
	qty       int64
	cost      *big.Rat
	places    []string // where it was told, for it may be twice
	given     bool     // back
}

func judgeOrder(r *verdict.Report, c *verdict.Case) {
	r.Cases++
	o := &order{Case: c, report: r, venues: map[string]int64{}}
	if !o.readOrder() || !o.readFills() {
		return
	}
	outcome := r.OneOutcome(c, c.Of(executionReportType))
	if outcome == nil {
		return
	}
	report, ok := o.read(outcome.First(), executionReportType)
	if !ok {
		return
	}
	if status := services.Text(report, "status"); status != "filled" && status != "hedged" {
		r.Failed++
		o.checkRefused(outcome, report, status)
		return
	}
	r.Completed++
	o.checkLegs(outcome)
	short := o.checkHedges()
	o.checkReport(outcome, report, short)
	o.checkPosition()
}

func (o *order) add(code verdict.Code, at *verdict.Record, format string, args ...any) {
	o.report.Add(code, o.Key, fmt.Sprintf(format, args...), &at.Place)
}

// read decodes a record that must be of a type.
func (o *order) read(rec *verdict.Record, want string) (map[string]any, bool) {
	codecs, err := schemasOnce()
	if err != nil {
		o.add(verdict.Unreadable, rec, "%v", err)
		return nil, false
	}
	name, native, err := codecs.Read(rec.Value)
	if err == nil && name != want {
		err = fmt.Errorf("it is %q", name)
	}
	if err != nil {
		o.add(verdict.Unreadable, rec, "%s: %v", want, err)
	}
	return native, err == nil
}

func (o *order) readOrder() bool {
	native, ok := o.read(o.Began, orderReceivedType)
	if !ok {
		return false
	}
	o.ordered = whole(native, "qty")
	legs, _ := native["venues"].([]any)
	for _, leg := range legs {
		if venue, ok := leg.(map[string]any); ok {
			o.venues[services.Text(venue, "name")] = whole(venue, "qty")
		}
	}
	return true
}

// whole reads a field that its schema makes a whole number.
func whole(native map[string]any, field string) int64 {
	n, _ := native[field].(int64)
	return n
}

// money reads a field that its schema makes a decimal.
func money(native map[string]any, field string) *big.Rat {
	if m, ok := native[field].(*big.Rat); ok {
		return m
	}
	return new(big.Rat)
}

// readFills gathers what the venues told of, each fill once.
func (o *order) readFills() bool {
	codecs, err := schemasOnce()
	if err != nil {
		o.add(verdict.Unreadable, o.Began, "%v", err)
		return false
	}
	for i := range o.Inputs {
		rec := &o.Inputs[i]
		if rec.Topic != fillsTopic {
			continue
		}
		name, native, err := codecs.Read(rec.Value)
		if err != nil {
			o.add(verdict.Unreadable, rec, "%v", err)
			return false
		}
		if name == legFilledType {
			o.noteFill(rec, native)
		}
	}
	return true
}

func (o *order) noteFill(rec *verdict.Record, native map[string]any) {
	id, place := services.Text(native, "fill_id"), rec.Place.String()
	if i := slices.IndexFunc(o.fills, func(f fill) bool { return f.id == id }); i >= 0 {
		o.fills[i].places = append(o.fills[i].places, place)
		return
	}
	qty := whole(native, "qty")
	cost := new(big.Rat).Mul(money(native, "price"), new(big.Rat).SetInt64(qty))
	o.fills = append(o.fills, fill{id: id, venue: services.Text(native, "venue"), qty: qty, cost: cost, places: []string{place}})
}

// checkRefused demands a reason, and that nothing was bought.
func (o *order) checkRefused(outcome *verdict.Command, report map[string]any, status string) {
	refused := len(o.Did(Refused)) > 0
	if status == "risk" && !refused || status != "risk" && status != "timeout" {
		o.add(verdict.WrongReason, outcome.First(), "refused as %q, which nothing on the topics explains", status)
	}
	for _, cmd := range append(o.Of(placeLegType), o.Of(placeHedgeType)...) {
		o.add(WrongLeg, cmd.First(), "a %s for an order that was refused", cmd.Kind)
	}
	if whole(report, "filled") != 0 || whole(report, "hedged") != 0 {
		o.add(WrongReport, outcome.First(), "refused with %d filled and %d hedged", whole(report, "filled"), whole(report, "hedged"))
	}
}

// checkLegs demands one leg for each venue at most, as the order has it, and none
// behind the report.
func (o *order) checkLegs(outcome *verdict.Command) {
	seen := map[string]bool{}
	for _, cmd := range o.Of(placeLegType) {
		leg, ok := o.read(cmd.First(), placeLegType)
		if !ok {
			continue
		}
		venue, qty := services.Text(leg, "venue"), whole(leg, "qty")
		switch {
		case o.venues[venue] != qty:
			o.add(WrongLeg, cmd.First(), "%d at %s, where the order has %d", qty, venue, o.venues[venue])
		case seen[venue]:
			o.add(WrongLeg, cmd.First(), "a second leg at %s", venue)
		case cmd.First().Time.After(outcome.First().Time):
			o.add(WrongLeg, cmd.First(), "a leg at %s behind the report", venue)
		}
		seen[venue] = true
	}
}

// checkHedges demands that each late fill was given back once, and notes which
// were. What was hedged because it was not filled is returned.
func (o *order) checkHedges() (short int64) {
	shorts := 0
	for _, cmd := range o.Of(placeHedgeType) {
		hedge, ok := o.read(cmd.First(), placeHedgeType)
		if !ok {
			continue
		}
		qty := whole(hedge, "qty")
		if services.Text(hedge, "reason") == "late" {
			o.checkGivenBack(cmd, qty)
			continue
		}
		short += qty
		if shorts++; shorts > 1 {
			o.add(WrongHedge, cmd.First(), "hedged %d times for what was not filled", shorts)
		}
	}
	if len(o.Of(placeHedgeType)) > 0 {
		o.report.Noted++
	}
	return short
}

func (o *order) checkGivenBack(cmd *verdict.Command, qty int64) {
	cause := cmd.First().Headers["rondo-cause"]
	i := slices.IndexFunc(o.fills, func(f fill) bool { return slices.Contains(f.places, cause) })
	switch {
	case i < 0:
		o.add(WrongHedge, cmd.First(), "%d given back, caused by %q, which is no fill", qty, cause)
	case o.fills[i].given:
		o.add(WrongHedge, cmd.First(), "fill %s given back twice", o.fills[i].id)
	case qty != -o.fills[i].qty:
		o.add(WrongHedge, cmd.First(), "%d given back of fill %s of %d", -qty, o.fills[i].id, o.fills[i].qty)
	}
	if i >= 0 {
		o.fills[i].given = true
	}
}

// checkReport demands that the report counts exactly the fills that were not
// given back, and what was hedged for the rest.
func (o *order) checkReport(outcome *verdict.Command, report map[string]any, short int64) {
	filled, cost := int64(0), new(big.Rat)
	for _, f := range o.fills {
		if !f.given {
			filled += f.qty
			cost.Add(cost, f.cost)
		}
	}
	at := outcome.First()
	if got := whole(report, "filled"); got != filled {
		o.add(WrongReport, at, "reports %d filled, the fills that were kept make %d", got, filled)
	}
	if got := money(report, "cost"); got.Cmp(cost) != 0 {
		o.add(WrongReport, at, "reports a cost of %s, the fills that were kept make %s", got.FloatString(2), cost.FloatString(4))
	}
	if got := whole(report, "hedged"); got != short {
		o.add(WrongReport, at, "reports %d hedged, and %d was", got, short)
	}
}

// checkPosition demands that what the services did makes what was ordered.
func (o *order) checkPosition() {
	sum := int64(0)
	for _, deed := range []ledger.Deed{Filled, Hedged} {
		for _, d := range o.Did(deed) {
			sum += d.Qty
		}
	}
	if sum != o.ordered {
		o.add(OpenPosition, o.Began, "%d ordered, %d filled and hedged", o.ordered, sum)
	}
}
