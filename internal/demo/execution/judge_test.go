package execution

import (
	"io/fs"
	"math/big"
	"testing"

	files "rondo/examples/best-execution"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
	"rondo/internal/demo/verdict/verdicttest"
)

// deskBook writes the records of orders by hand.
type deskBook struct {
	*verdicttest.Book
	t      *testing.T
	codecs *services.Codecs
}

type native = map[string]any

func newDeskBook(t *testing.T) deskBook {
	schemas, err := fs.Sub(files.Files, "schemas")
	if err != nil {
		t.Fatal(err)
	}
	codecs, err := services.LoadCodecs(schemas)
	if err != nil {
		t.Fatal(err)
	}
	return deskBook{verdicttest.New(t, "best-execution"), t, codecs}
}

// newFlawless is a flawless run: o-1 is filled, one fill told of twice; o-2 is
// hedged, for bravo fills late; o-3 is too risky.
func newFlawless(t *testing.T) deskBook {
	b := newDeskBook(t)
	approved := b.risk("r-o1", b.place("r-o1"), Approved)
	b.leg("r-o1", "alpha", 60, approved)
	b.leg("r-o1", "bravo", 40, approved)
	b.fill("r-o1", "alpha", "f1", 60)
	b.told("r-o1", "alpha", "f1", 60)
	last := b.fill("r-o1", "bravo", "f2", 40)
	b.reported("r-o1", last, "filled", 100, 0, 105000)

	approved = b.risk("r-o2", b.place("r-o2"), Approved)
	b.leg("r-o2", "alpha", 60, approved)
	b.leg("r-o2", "bravo", 40, approved)
	b.fill("r-o2", "alpha", "f3", 60)
	b.hedge("r-o2", "r-o2-short", "", 40, "short")
	b.reported("r-o2", "", "hedged", 60, 40, 63000)
	late := b.fill("r-o2", "bravo", "f4", 40)
	b.hedge("r-o2", "r-o2-late", late, -40, "late")

	refused := b.risk("r-o3", b.place("r-o3"), Refused)
	b.reported("r-o3", refused, "risk", 0, 0, 0)
	return b
}

func (b deskBook) encode(name string, n native) string {
	a, err := b.codecs.Write(name, n)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(a.Value)
}

func (b deskBook) place(order string) (cause string) {
	return b.Input(ordersTopic, order, "", b.encode(orderReceivedType, native{
		"order_id": order, "account": "a", "symbol": "ACME", "qty": int64(100), "limit": big.NewRat(1050, 1),
		"venues": []any{native{"name": "alpha", "qty": int64(60)}, native{"name": "bravo", "qty": int64(40)}},
	}))
}

func (b deskBook) risk(order, cause string, did ledger.Deed) string {
	b.Send(verdicttest.Command{Topic: checksTopic, Key: order, Kind: checkRiskType, Step: "risk", ID: order + "-risk", Cause: cause})
	b.Enter(ledger.Entry{Did: did, Key: order, Command: order + "-risk"})
	return b.Input(riskTopic, order, "", b.encode(riskApprovedType, native{"order_id": order}))
}

func (b deskBook) leg(order, venue string, qty int64, cause string) {
	b.Send(verdicttest.Command{
		Topic: legsTopic, Key: order, Kind: placeLegType, Step: "leg", ID: order + "-" + venue, Cause: cause,
		Value: b.encode(placeLegType, native{"order_id": order, "venue": venue, "symbol": "ACME", "qty": qty, "limit": big.NewRat(1050, 1)}),
	})
}

func (b deskBook) fill(order, venue, id string, qty int64) (cause string) {
	b.Enter(ledger.Entry{Did: Filled, Key: order, Command: order + "-" + venue, ID: id, Qty: qty})
	return b.told(order, venue, id, qty)
}

func (b deskBook) told(order, venue, id string, qty int64) (cause string) {
	return b.Input(fillsTopic, order, "", b.encode(legFilledType, native{
		"order_id": order, "venue": venue, "fill_id": id, "qty": qty, "price": big.NewRat(1050, 1),
	}))
}

func (b deskBook) hedge(order, id, cause string, qty int64, reason string) {
	b.Send(verdicttest.Command{
		Topic: hedgesTopic, Key: order, Kind: placeHedgeType, Step: "hedge", ID: id, Cause: cause,
		Value: b.encode(placeHedgeType, native{"order_id": order, "symbol": "ACME", "qty": qty, "reason": reason}),
	})
	b.Enter(ledger.Entry{Did: Hedged, Key: order, Command: id, Qty: qty})
}

func (b deskBook) report(order, status string, filled, hedged, cost int64) string {
	return b.encode(executionReportType, native{
		"order_id": order, "status": status, "ordered": int64(100), "filled": filled, "hedged": hedged, "cost": big.NewRat(cost, 1),
	})
}

func (b deskBook) reported(order, cause, status string, filled, hedged, cost int64) {
	b.Send(verdicttest.Command{
		Topic: reportsTopic, Key: order, Kind: executionReportType, Step: "report", ID: order + "-report", Cause: cause,
		Value: b.report(order, status, filled, hedged, cost),
	})
}

func judge(b deskBook) *verdict.Report { return Judge(&b.Books) }

func TestFlawlessRunIsClean(t *testing.T) {
	r := judge(newFlawless(t))
	if !r.Clean() {
		t.Fatalf("violations in a flawless run: %v", r.Violations)
	}
	if got, want := [...]int{r.Cases, r.Completed, r.Failed, r.Noted, r.Lost, r.Unfinished}, [...]int{3, 2, 1, 1, 0, 0}; got != want {
		t.Errorf("orders, executed, refused, hedged, lost, unfinished = %v, want %v", got, want)
	}
}

func TestEachFlawIsFound(t *testing.T) {
	verdicttest.Check(t, []verdicttest.Flaw[deskBook]{
		{Name: "an order that nothing came of", Key: "r-o9", At: "desk.orders/0/3", Want: []verdict.Code{verdict.Lost},
			Do: func(b deskBook) { b.place("r-o9") }},
		{Name: "an order without a report", Key: "r-o1", At: "desk.orders/0/0", Want: []verdict.Code{verdict.Unfinished},
			Do: func(b deskBook) { b.Without("r-o1-report") }},
		{Name: "two reports", Key: "r-o1", At: "desk.reports/0/3", Want: []verdict.Code{verdict.SameEffectTwice, verdict.TwoOutcomes},
			Do: func(b deskBook) { b.Again("r-o1-report", 1).Headers["rondo-command-id"] = "x" }},
		{Name: "a repeated fill counted twice", Key: "r-o1", At: "desk.reports/0/0", Want: []verdict.Code{WrongReport, WrongReport},
			Do: func(b deskBook) { b.Find("r-o1-report", 1).Value = []byte(b.report("r-o1", "filled", 160, 0, 168000)) }},
		{Name: "a fill that was forgotten", Key: "r-o2", At: "desk.reports/0/1", Want: []verdict.Code{WrongReport, WrongReport, OpenPosition},
			Do: func(b deskBook) { b.Without("r-o2-late"); b.WithoutDeed("r-o2-late") }},
		{Name: "a repeated fill given back", Key: "r-o1", At: "desk.reports/0/0", Want: []verdict.Code{WrongReport, WrongReport, OpenPosition},
			Do: func(b deskBook) { b.hedge("r-o1", "x", "venue.fills/0/1", -60, "late") }},
		{Name: "a late fill given back twice", Key: "r-o2", At: "hedge.commands/0/2", Want: []verdict.Code{verdict.SameEffectTwice, WrongHedge, OpenPosition},
			Do: func(b deskBook) { b.hedge("r-o2", "x", "venue.fills/0/4", -40, "late") }},
		{Name: "a late fill given back in part", Key: "r-o2", At: "hedge.commands/0/1", Want: []verdict.Code{WrongHedge},
			Do: func(b deskBook) {
				b.Find("r-o2-late", 1).Value = []byte(b.encode(placeHedgeType, native{"order_id": "r-o2", "symbol": "ACME", "qty": int64(-30), "reason": "late"}))
			}},
		{Name: "a hedge that no fill explains", Key: "r-o1", At: "hedge.commands/0/2", Want: []verdict.Code{WrongHedge, OpenPosition},
			Do: func(b deskBook) { b.hedge("r-o1", "x", "", -10, "late") }},
		{Name: "an order that was hedged twice", Key: "r-o2", At: "hedge.commands/0/2", Want: []verdict.Code{WrongHedge, WrongReport, OpenPosition},
			Do: func(b deskBook) { b.hedge("r-o2", "x", "", 40, "short") }},
		{Name: "an order that was not hedged", Key: "r-o2", At: "desk.reports/0/1", Want: []verdict.Code{WrongReport, OpenPosition},
			Do: func(b deskBook) { b.Without("r-o2-short"); b.WithoutDeed("r-o2-short") }},
		{Name: "a hedge that the hedger did not do", Key: "r-o2", At: "desk.orders/0/1", Want: []verdict.Code{OpenPosition},
			Do: func(b deskBook) { b.WithoutDeed("r-o2-short") }},
		{Name: "a cost that is a cent off", Key: "r-o1", At: "desk.reports/0/0", Want: []verdict.Code{WrongReport},
			Do: func(b deskBook) { b.Find("r-o1-report", 1).Value = []byte(b.report("r-o1", "filled", 100, 0, 105001)) }},
		{Name: "a second leg at a venue", Key: "r-o1", At: "venue.commands/0/4", Want: []verdict.Code{verdict.SameEffectTwice, WrongLeg},
			Do: func(b deskBook) {
				r := b.Again("r-o1-alpha", 1)
				r.Headers["rondo-command-id"] = "x"
			}},
		{Name: "a leg of another quantity", Key: "r-o1", At: "venue.commands/0/4", Want: []verdict.Code{WrongLeg},
			Do: func(b deskBook) { b.leg("r-o1", "charlie", 5, "") }},
		{Name: "a leg behind the report", Key: "r-o1", At: "venue.commands/0/0", Want: []verdict.Code{WrongLeg},
			Do: func(b deskBook) {
				leg := b.Find("r-o1-alpha", 1)
				leg.Time = b.Find("r-o1-report", 1).Time.Add(1)
			}},
		{Name: "a refused order that was bought", Key: "r-o3", At: "venue.commands/0/4", Want: []verdict.Code{WrongLeg},
			Do: func(b deskBook) { b.leg("r-o3", "alpha", 60, "") }},
		{Name: "a refusal that nobody spoke", Key: "r-o3", At: "desk.reports/0/2", Want: []verdict.Code{verdict.WrongReason},
			Do: func(b deskBook) { b.WithoutDeed("r-o3-risk") }},
		{Name: "a refused order with a fill", Key: "r-o3", At: "desk.reports/0/2", Want: []verdict.Code{WrongReport},
			Do: func(b deskBook) { b.Find("r-o3-report", 1).Value = []byte(b.report("r-o3", "risk", 10, 0, 0)) }},
		{Name: "the risk asked twice", Key: "r-o3", At: "risk.commands/0/3", Want: []verdict.Code{verdict.SecondVisit},
			Do: func(b deskBook) {
				r := b.Again("r-o3-risk", 1)
				r.Headers["rondo-command-id"], r.Headers["rondo-cause"] = "x", ""
			}},
		{Name: "a report that is no Avro", Key: "r-o1", At: "desk.reports/0/0", Want: []verdict.Code{verdict.Unreadable},
			Do: func(b deskBook) { b.Find("r-o1-report", 1).Value = []byte("{}") }},
		{Name: "a report that is another record", Key: "r-o1", At: "desk.reports/0/0", Want: []verdict.Code{verdict.Unreadable},
			Do: func(b deskBook) {
				b.Find("r-o1-report", 1).Value = []byte(b.encode(riskApprovedType, native{"order_id": "r-o1"}))
			}},
	}, newFlawless, judge)
}
