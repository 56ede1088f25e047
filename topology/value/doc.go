// Package value holds the data that a workflow computes with.
//
// A Value is one of a closed set of Go types, so that the same value has the
// same form whether it came from Avro, from JSON, from an expression or from a
// stored instance:
//
//	nil            null
//	bool           bool
//	int64          int
//	float64        double (never NaN or infinite once stored or sent)
//	*apd.Decimal   decimal, finite, at most 34 digits
//	string         string, valid UTF-8
//	[]byte         bytes
//	time.Time      timestamp, in UTC, without a monotonic part
//	time.Duration  duration
//	[]any          list of values
//	*Map           map with text keys, ordered by key
//
// Values are never changed once they are shared: a new value is built instead.
//
// # One number line
//
// The three kinds of number are compared by value: 1, 1.0 and decimal 1.00 are
// equal. An int and a decimal stand for themselves, a double for its shortest
// decimal text that reads back as the same double: 0.1 is one tenth, not the
// binary fraction next to it. So Compare is a total order over all numbers.
//
// # Bytes
//
// AppendCanonical writes a value and its kinds: two values have the same bytes
// only if nothing can tell them apart. Digests of state use it. AppendKey
// writes a value up to equality: values that are Equal have the same bytes. It
// serves where the language asks "the same?": distinct, hash, uuid.
//
// JSON comes in by FromJSON and goes out by ToJSON; both are strict, and what
// one writes the other reads (timestamps, durations, bytes and decimals come
// back as text, for JSON does not know them).
package value
