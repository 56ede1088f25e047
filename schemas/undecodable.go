package schemas

import (
	"errors"
	"fmt"
)

// Reasons for which a record cannot be decoded; they are the reason of its
// dead letter.
const (
	CodeUndecodable = "undecodable"   // the bytes are not what they should be, or name a schema that nobody has
	CodeTooLarge    = "limit.payload" // more bytes than an event may have
)

// Undecodable says why a record cannot be decoded: it becomes a dead letter.
type Undecodable struct {
	Code string // one of the constants above
	Text string // for a person: which byte, which field, which schema id, and what to do
}

func (e *Undecodable) Error() string { return e.Code + ": " + e.Text }

func undecodable(format string, args ...any) *Undecodable {
	return &Undecodable{Code: CodeUndecodable, Text: fmt.Sprintf(format, args...)}
}

// ErrRegistryUnavailable says that the schema registry gave no answer that
// could be relied on: it is down, slow, refuses the login, or something else
// answers in its place. The record is not to blame: wait and decode it again.
var ErrRegistryUnavailable = errors.New("schema registry unavailable")
