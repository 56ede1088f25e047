// Package verdict says whether a run of a story was done exactly once.
//
// It knows Kafka and nothing of the engine: it shares no code with it, never
// asks it, and believes only what a read_committed reader finds on the topics
// between the offsets noted at the start of the run and their ends. Three
// sources are held against each other:
//
//	inputs           what was asked for, and what the services answered
//	commands         what the orchestrator did
//	services.ledger  what the services did in the world
//
// Read gathers the records; Judge is a pure function from records to a Report.
// What holds for every story is demanded here, what one promises beside it by
// its own Rules (internal/demo/checkout and its neighbours):
//
//	Topics ──Read──► Books ──Judge(Rules)──► Report (counts, violations with coordinates)
//
// Of every story is demanded:
//
//   - every command (id, attempt) is on its topic exactly once, its attempts are
//     1, 2, 3… in that order, and all of them are the same command;
//   - no input has the same effect twice: cause, step and what is undone are
//     together unique among the first attempts;
//   - each compensation undoes a command of its case, and none is undone twice;
//   - nothing is left over: no command and no deed without a case, no dead
//     letter, no transaction left open, no input left unread.
//
// A checker that never fails proves nothing: the tests of each story feed Judge a
// flawless run with one flaw of each kind and demand exactly that violation.
package verdict
