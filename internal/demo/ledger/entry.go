// Package ledger is the form in which the simulated services of the stories
// write down what they did in the world: a reservation made, a payment taken
// back, a machine stopped. Each deed is one JSON record on the topic
// services.ledger, keyed by the case, whether or not the service ever answered
// the command. The verdict reads it to know what a silent service did.
package ledger

import (
	"encoding/json"
	"fmt"
)

// Topic is where the services write their deeds.
const Topic = "services.ledger"

// Deed is what was done; each story has its own.
type Deed string

// Entry is one deed. A service that is asked again for what it has done writes
// no second entry, and one that was restarted may write the same entry again:
// equal (Did, Command, ID) is one deed.
type Entry struct {
	Service string  `json:"service"`
	Did     Deed    `json:"did"`
	Key     string  `json:"key"`               // of the case
	Command string  `json:"command"`           // id of the command that asked for it
	ID      string  `json:"id,omitempty"`      // of what was made
	Qty     int64   `json:"qty,omitempty"`     // how much, where that is to be counted
	Parts   []int64 `json:"parts,omitempty"`   // of Qty, where it was done in parts
	Undoes  string  `json:"undoes,omitempty"`  // id of the command that was undone
	Nothing bool    `json:"nothing,omitempty"` // there was nothing to undo
}

// Marshal returns e as the value of its record.
func (e Entry) Marshal() ([]byte, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s for %s: %w", e.Did, e.Key, err)
	}
	return value, nil
}

// Unmarshal reads the value of a ledger record.
func Unmarshal(value []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(value, &e); err != nil {
		return Entry{}, fmt.Errorf("decode ledger entry: %w", err)
	}
	return e, nil
}
