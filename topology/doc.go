// Package topology knows the workflow language: what a definition says, whether
// it is right, and what an instance does next.
//
//	YAML ──Parse──► Definition ──Compile──► Plan ──Decide(instance, input)──► Decision
//	        │                      │
//	        └──── diag.List ───────┘
//
// # Reading
//
// Parse turns the text of one file into a Definition, which keeps all that the
// author wrote with the places where it stands, and checks its structure. It goes
// in four steps, each in files of its own:
//
//   - load (parse.go): the bytes become one tree of YAML nodes, within bounds of
//     size and depth; what is not YAML ends here.
//   - refuse (parse_yaml.go, parse_slips.go): what YAML has and the language does
//     not is reported; expressions that YAML has torn apart are put together again
//     in the tree, so that nothing else stumbles over them.
//   - the parser proper (parse_message.go, parse_step.go, parse_value.go …): one
//     method for each word. Which words there are, where they stand and what they
//     need beside them is said once, in words.go; so are suggestions, the table
//     of words in docs/language.md and whatever else describes the language.
//   - the checker (check*.go): names, jumps and rules that concern the definition
//     as a whole. check_flow.go knows where control may go from each step.
//
// Compile goes on, also with a definition that has errors: it looks into the
// expressions, whose variables exist where (compile_scope.go), and, with what the
// schemas tell, at types and at what may be null (types*.go).
//
// So all errors and warnings are found in one run, and none is caused by another:
// a YAML node that was reported is marked broken and stays silent; what was not
// understood is marked as unknown where it stands in the Definition, and the rest is
// noted in its gaps (gaps.go). Whoever would say that something is missing asks there.
//
// # Deciding
//
// Compile checks the expressions and makes a Plan. Plan.Match finds the message
// and the keys of a record, Plan.Decide says what shall happen because of one
// input. Decide is pure and total: any instance and any input yield a Decision,
// the same for ever and on every machine. The package asks no clock, rolls no
// dice, opens no file, starts no goroutine and ranges over no map where the order
// shows. Time enters as the `at` of an input only.
package topology
