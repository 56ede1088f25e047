package schemas

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"rondo/topology/value"
)

func TestARowKeepsEveryKindOfValue(t *testing.T) {
	want := Row{Partition: 3, Offset: 1 << 40, Value: mapOf1("s", "vip", "n", int64(-1), "d", 1.5, "m", dec("10.50"),
		"t", time.Unix(1763000000, 5).UTC(), "w", time.Minute, "b", []byte{0, 1}, "l", []any{nil, true, false})}
	stored, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRow(stored)
	if err != nil {
		t.Fatal(err)
	}
	if got.Partition != want.Partition || got.Offset != want.Offset || !bytes.Equal(value.AppendCanonical(nil, got.Value), value.AppendCanonical(nil, want.Value)) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestARowThatCannotBeStoredIsRefused(t *testing.T) {
	if _, err := (Row{Value: math.NaN()}).Encode(); !errors.Is(err, value.ErrNotFinite) {
		t.Errorf("not a number: %v", err)
	}
	if _, err := DecodeRow([]byte("nonsense")); err == nil {
		t.Error("nonsense was read as a row")
	}
}
