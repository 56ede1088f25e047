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
// Everything is deterministic: the same script gives the same decisions.
package script
