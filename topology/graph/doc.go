// Package graph draws workflows for people who know the business: as Mermaid for
// a README, as DOT for Graphviz, as SVG by a layout of its own.
//
// Of makes the picture, once for all three: a node for each step with what it
// sends and awaits and its times, edges for the ways between them, groups for what
// stands inside of a step (blocks, branches, loops). An edge is labelled with what
// takes it: a message, a condition, an error. What is put aside: payloads,
// variables, and the ways of errors that nobody named in a `catch` or `raise`, for
// each call may fail and the drawing would be full of them.
//
// The SVG is layered: the steps stand below one another in the order of the file,
// the ways run in the channels between the layers and beside them, on tracks of
// their own, so that no way runs through a box or upon another. The same
// definition gives the same bytes.
package graph
