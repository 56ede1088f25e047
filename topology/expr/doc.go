// Package expr compiles and evaluates the expressions of workflows: CEL with
// Rondo's rules for values.
//
//	program, issues := expr.Compile("declines + 1 >= 3", expr.NewScope("declines"))
//	v, err := program.Eval(bindings)
//
// # How it works
//
// The parser of cel-go turns a text into CEL's syntax tree. From there on the
// package is on its own: compile.go walks the tree once, checks it and makes a
// tree of nodes out of it; each node computes a value.Value from others.
// Nothing is converted on the way in or out, and a condition costs some hundred
// nanoseconds and no memory.
//
//	text ── cel-go parser ──► syntax tree ── compiler ──► nodes ── Eval ──► value
//	                                            │
//	                                            └──► issues, with offset and length
//
// # Why not the evaluator of cel-go
//
// An expression must give the same bytes on every machine and with every later
// version of the program, for history is verified by deciding it again. cel-go's
// evaluator ranges over maps in random order, reads the machine's zone files,
// compares by an equality that knows no decimals (it cannot be replaced: `==` is
// planned apart from functions, and its libraries call it within), and counts
// costs by a model that changes between versions. Each could be patched from
// outside by wrapping its nodes; that is more code than evaluating the nine kinds
// of node here. Where Rondo means what CEL means a test runs both and compares.
//
// # Rules beyond CEL
//
//   - Numbers mix. int with int is int, and fails on overflow; `/` is the true
//     quotient; with a decimal the result is a decimal of 34 digits, half to even.
//     There are no unsigned ints.
//   - Equality is by value, across kinds of number and within lists and maps.
//   - NaN and infinity never come out, nor does what cannot be stored.
//   - Maps have text keys and are gone through in the order of keys.
//   - `&&` and `||` absorb an error of one side if the other side decides, as in
//     CEL, but never a limit.
//   - Where a whole number is needed (a position, a count) a double or a decimal
//     without a fraction will do.
//
// # Limits
//
// An evaluation has Limits.Cost to spend: one for each node, for each turn of a loop
// the nodes in it, and for each function what it goes through. A text built may
// have Limits.TextBytes. Both fail with the code limit.cost. The counting is
// part of the language's semantics: changing it changes decisions.
//
// There is no clock, no randomness, no I/O. Zones come from a database that is
// part of the program (ZoneVersion).
package expr
