// Package suite runs files of tests (*.test.yaml) and reports on them: for
// people, as JSON and as JUnit XML, with what the scripts have reached of their
// workflows.
//
//	paths ──► Find ──► Runner.Run ──► Report ──► Text, JSON, JUnit
//	                      │
//	                      └── Load: a definition's file → its plan
//
// What a script is and does is package script's affair; this one reads files,
// collects and prints.
package suite
