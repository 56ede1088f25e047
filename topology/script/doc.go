// Package script runs a workflow in virtual time, without a broker: what comes
// in is told, what the workflow does is seen, and waiting costs nothing.
//
// A World holds the instances of one plan and a clock that stands still until it
// is told how much time passes. A Script is a test of a workflow in YAML, as
// `rondo test` runs it:
//
//	workflow: checkout.yaml
//	tests:
//	  - name: an order that goes well
//	    script:
//	      - in:  {OrderPlaced: {order_id: o-1, total: 30}}
//	      - out: {ReserveStock: {order_id: o-1}}
//
// Parse reads it, Check holds it against the definitions, Run plays it:
//
//	file ──► Parse ──► Suite ──► Check(plans) ──► Test.Run(plans) ──► nil or Failure
//
// A Failure has the place in the script, what was expected beside what there is,
// and the transcript up to there. All words are in docs/testing.md.
//
// Everything is deterministic: the same script gives the same decisions. So a
// script is played in silence, and played again, told, if it fails.
package script
