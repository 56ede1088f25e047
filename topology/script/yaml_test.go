package script_test

import (
	"testing"

	"rondo/topology/script"
	"rondo/topology/value"
)

// A whole number of a script is what JSON on the wire would give: beyond 64 bits
// a decimal, digit for digit.
func TestWholeNumbersBeyond64BitsAreDecimals(t *testing.T) {
	for _, text := range []string{"123456789012345678901234567890", "-9223372036854775809", "18446744073709551615"} {
		got, err := script.ParseValue(text)
		if err != nil {
			t.Fatalf("ParseValue(%s): %v", text, err)
		}
		want, err := value.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		if string(value.AppendCanonical(nil, got)) != string(value.AppendCanonical(nil, want)) {
			t.Errorf("ParseValue(%s) = %T %v, want the decimal %v", text, got, got, want)
		}
	}
	if got, err := script.ParseValue("12345678901234567890123456789012345"); err == nil {
		t.Errorf("a whole number of 35 digits is read as %T %v", got, got)
	}
}
