package topology

import "rondo/topology/value"

// Row makes environment an expr.Rows: it finds a row of a table, and notes that
// it was asked for.
func (e *environment) Row(table, key string) (value.Value, bool) {
	for _, l := range e.p.out.Lookups {
		if l.Table == table && l.Key == key {
			return l.Row, l.Found
		}
	}
	found := Lookup{Table: table, Key: key}
	if e.p.tables != nil {
		found.Row, found.Found = e.p.tables.Row(table, key)
	}
	e.p.out.Lookups = append(e.p.out.Lookups, found)
	return found.Row, found.Found
}
