package script

import "rondo/topology/value"

// rows are the tables of a World: table → key → row.
type rows map[string]map[string]value.Value

// Row makes rows what a decision looks into.
func (r rows) Row(table, key string) (value.Value, bool) {
	row, ok := r[table][key]
	return row, ok
}

// SetRow sets a row of a table, for the decisions that follow; null removes it,
// as a tombstone does.
func (w *World) SetRow(table, key string, row value.Value) {
	if row == nil {
		delete(w.rows[table], key)
		return
	}
	if w.rows == nil {
		w.rows = rows{}
	}
	if w.rows[table] == nil {
		w.rows[table] = map[string]value.Value{}
	}
	w.rows[table][key] = row
}
