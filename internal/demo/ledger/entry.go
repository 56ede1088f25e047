// Package ledger is the form in which the simulated services of the checkout
// write down what they did in the world: a reservation made, a payment taken
// back. Each deed is one JSON record on the topic services.ledger, keyed by the
// order, whether or not the service ever answered the command. The verdict
// reads it to know what a silent service did.
package ledger

import (
	"encoding/json"
	"fmt"
)

// Topic is where the services write their deeds.
const Topic = "services.ledger"

// Deed is what was done.
type Deed string

// The deeds of the three services. Refused and Declined changed nothing;
// Released and Refunded undo.
const (
	Reserved Deed = "reserved"
	Refused  Deed = "refused"
	Released Deed = "released"
	Captured Deed = "captured"
	Declined Deed = "declined"
	Refunded Deed = "refunded"
	Printed  Deed = "printed"
)

// Entry is one deed. A service that is asked again for what it has done writes
// no second entry, and one that was restarted may write the same entry again:
// equal (Did, Command) is one deed.
type Entry struct {
	Service string `json:"service"`
	Did     Deed   `json:"did"`
	Order   string `json:"order_id"`
	Command string `json:"command"`           // id of the command that asked for it
	ID      string `json:"id,omitempty"`      // of the reservation, payment or label
	Undoes  string `json:"undoes,omitempty"`  // Released, Refunded: id of the command that was undone
	Nothing bool   `json:"nothing,omitempty"` // Released, Refunded: there was nothing to undo
}

// Marshal returns e as the value of its record.
func (e Entry) Marshal() ([]byte, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s for order %s: %w", e.Did, e.Order, err)
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
