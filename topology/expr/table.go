package expr

import (
	"maps"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// Tables are bindings whose expressions may use `lookup`.
type Tables interface {
	// Row returns the row of a table under a key; false if there is none.
	Row(table, key string) (value.Value, bool)
}

// tablesEntry is the entry of a Scope that holds the tables, as fields of a
// record. No variable can have this name.
const tablesEntry = "lookup()"

// WithTables returns a Scope whose expressions may also `lookup` rows in these
// tables, with what is known of a row. The zero Type is a row of any form.
func (s Scope) WithTables(rows map[string]Type) Scope {
	out := maps.Clone(s)
	out[tablesEntry] = Type{Kind: value.MapKind, Fields: rows}
	return out
}

var tableFunctions = []*function{
	{name: "lookup", params: []kinds{kString, kString}, result: kValue, run: lookupRow, varies: true},
}

// lookupRow gives a row, null where there is none.
func lookupRow(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	tables, ok := f.vars.(Tables)
	if !ok {
		return nil, n.fail("`lookup` finds no tables here")
	}
	row, _ := tables.Row(args[0].(string), args[1].(string))
	return row, nil
}

// rowOf checks the table that a compiled `lookup` names, and tells what is known
// of its rows.
func (c *compiler) rowOf(n node, out static) static {
	call, ok := n.(*callNode)
	if !ok || len(call.args) == 0 {
		return out
	}
	tables, ok := c.scope[tablesEntry]
	if !ok {
		c.report(call.at, IssueUnknownFunction, "`lookup` cannot be used here", "the `key`, `when` and `id` of a message know the record alone; look up in the steps, or declare `tables` in the workflow")
		return out
	}
	name, ok := call.args[0].(*constNode)
	if !ok {
		c.report(call.spans[0], IssueWrongArguments, "the first argument of `lookup` is the name of a table, written as a text", "write lookup('table', key)")
		return out
	}
	table, ok := name.v.(string)
	if !ok {
		return out // reported as of the wrong kind
	}
	row, ok := tables.Fields[table]
	if !ok {
		c.report(call.spans[0], IssueUnknownTable, "no table is called `"+table+"`", tableHelp(table, tables.FieldNames()))
		return out
	}
	row.Nullable = true
	out.typ, out.kinds = row, row.kinds()|kNull
	return out
}

func tableHelp(name string, known []string) string {
	if near, ok := diag.Suggest(name, known); ok {
		return "did you mean `" + near + "`?"
	}
	if len(known) == 0 {
		return "declare it in the workflow: tables: {" + name + ": {topic: …}}"
	}
	return "the tables are: " + strings.Join(slices.Clone(known), ", ")
}
