// Package verdict says whether a run of the checkout was done exactly once.
//
// It knows Kafka and the checkout, and nothing of the engine: it shares no code
// with it, never asks it, and believes only what a read_committed reader finds
// on the topics between the offsets noted at the start of the run and their
// ends. Three sources are held against each other:
//
//	shop.orders                what was asked for (orders, cancellations, cards)
//	commands, shop.order-status what the orchestrator did
//	services.ledger            what the services did in the world
//
// Read gathers the records, Judge is a pure function from records to a Report:
//
//	Topics ──Read──► Books ──Judge──► Report (counts, violations with coordinates)
//
// What is demanded:
//
//   - every order ended, in exactly one outcome;
//   - every command (id, attempt) is on its topic exactly once, its attempts are
//     1, 2, 3… in that order, and all of them are the same command;
//   - no input has the same effect twice: cause, step and what is undone are
//     together unique among the first attempts;
//   - each outcome has its reason on the topics (not-paid needs three declines,
//     cancelled needs a cancellation …);
//   - a failed order has undone what was done, a completed one holds exactly one
//     reservation, one payment and one label, and each compensation was sent once;
//   - nothing is left over: no command and no deed without an order, no dead
//     letter, no transaction left open, no input left unread.
//
// A checker that never fails proves nothing: the tests feed Judge a flawless run
// with one flaw of each kind and demand exactly that violation.
package verdict
