// Package execution is the world of examples/best-execution: a desk that sends
// orders, a risk service, venues that fill them, and a hedger.
//
//	desk                    ──► OrderReceived
//	CheckRisk   ──► risk    ──► RiskApproved, RiskRejected
//	PlaceLeg    ──► venues  ──► LegFilled, LegRejected
//	PlaceHedge  ──► hedger
//
// Everything is Avro. A venue may not get a leg, reject it, fill it in two parts,
// fill it after the desk has stopped waiting, and tell of a fill twice; but a
// fill that happened is told of.
package execution

import (
	"github.com/twmb/franz-go/pkg/kgo"

	files "rondo/examples/best-execution"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
)

// Topics of the story.
const (
	ordersTopic  = "desk.orders"
	reportsTopic = "desk.reports"
	fillsTopic   = "venue.fills"
	riskTopic    = "risk.events"
	legsTopic    = "venue.commands"
	checksTopic  = "risk.commands"
	hedgesTopic  = "hedge.commands"
)

// Records of the story, by their Avro names, which are the message types.
const (
	orderReceivedType   = "OrderReceived"
	checkRiskType       = "CheckRisk"
	riskApprovedType    = "RiskApproved"
	riskRejectedType    = "RiskRejected"
	placeLegType        = "PlaceLeg"
	legFilledType       = "LegFilled"
	legRejectedType     = "LegRejected"
	placeHedgeType      = "PlaceHedge"
	executionReportType = "ExecutionReport"
)

// What was done in the market. Qty says how much.
const (
	Approved ledger.Deed = "approved"
	Refused  ledger.Deed = "refused"
	Filled   ledger.Deed = "filled"
	Rejected ledger.Deed = "rejected"
	Hedged   ledger.Deed = "hedged"
)

var words = verdict.Words{
	Story: "best-execution", Cases: "orders", Completed: "executed", Failed: "refused", Noted: "hedged",
	Clean: "Every order reported once, filled and hedged to exactly what was ordered, every fill counted once.",
}

// Story is the order execution.
var Story = &story.Story{
	Words: words,
	Short: "orders bought at several venues in time: parallel legs",
	Long: `Play examples/best-execution from the first order to a verdict: a desk, a risk
service, venues that are slow, reject, fill in parts, late and twice, and a hedger.
All records are Avro, with money as decimals.

The verdict is made by reading the topics, not from the nodes' counters: for each
order what the venues filled and what was hedged is what was ordered, to the
share; every fill was counted once or given back once; there is one report, and
its sums are right. The exit code is 1 if it is not so.`,
	Files: files.Files, Definition: files.Definition,
	Inputs:   []string{ordersTopic, riskTopic, fillsTopic},
	Commands: []string{checksTopic, legsTopic, hedgesTopic, reportsTopic},
	Load: story.Load{
		Flag: "orders", Usage: "orders to be executed", Default: 1500, CasesEach: 1,
		Scene: "orders are executed", RateMin: 10, RateMax: 500,
	},
	Open:   open,
	Legend: func() observer.Legend { return sign },
	Judge:  Judge,
}

func open(cfg services.Config) (*story.Cast, error) {
	codecs, err := services.LoadCodecs(cfg.Schemas, orderReceivedType, riskApprovedType, riskRejectedType, legFilledType, legRejectedType)
	if err != nil {
		return nil, err
	}
	market := market{codecs}
	desk, err := openDesk(cfg, market)
	if err != nil {
		return nil, err
	}
	cast := &story.Cast{Posts: []*services.Post{desk.Post}, Play: desk.play}
	for _, spec := range []services.Spec{market.risk(), market.venues(), market.hedger()} {
		s, err := services.Open(cfg, spec)
		if err != nil {
			cast.Close()
			return nil, err
		}
		cast.Posts = append(cast.Posts, s.Post)
	}
	return cast, nil
}

// sign reads what a record means for its order. The reports are the last word;
// whether they are right is for the verdict to say.
func sign(r *kgo.Record) observer.Sign {
	if deed, ok := services.DeedOf(r); ok {
		switch deed.Did {
		case Filled:
			return observer.Sign{Stop: "filled"}
		case Hedged:
			return observer.Sign{Stop: "hedged", Noted: true}
		case Refused:
			return observer.Sign{Stop: "too risky"}
		}
		return observer.Sign{}
	}
	switch services.TypeOf(r) {
	case checkRiskType:
		return observer.Sign{Stop: "risk"}
	case placeLegType:
		return observer.Sign{Stop: "leg"}
	case executionReportType:
		refused := observer.Header(r, "rondo-step") == "refuse"
		if refused {
			return observer.Sign{Ends: "refused", Failed: true}
		}
		return observer.Sign{Ends: "reported"}
	}
	if r.Topic == ordersTopic {
		return observer.Sign{Begins: true}
	}
	return observer.Sign{}
}
