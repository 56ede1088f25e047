package schemas

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

func TestValueRecordRoundTrips(t *testing.T) {
	s := mustEmbedded("value.avsc")
	v := value.MapOf(map[string]value.Value{
		"a": int64(1), "b": 2.5, "c": "x", "d": []byte{1}, "e": nil, "f": true,
		"g": apd.New(110, -2), "h": time.Unix(-5, 7).UTC(), "i": time.Second,
		"j": []any{int64(1), []any{}, value.MapOf(nil)},
	})
	n, err := valueRecord(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.codec.BinaryFromNative(nil, n)
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.native(b, ownBounds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := valueOf(back)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%x %#v %#v", b, got, v)
}

func TestUnknown(t *testing.T) {
	f := newFormat("value")
	_, err := f.decode([]byte{0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	var u *UnknownFormatError
	if !errors.As(err, &u) {
		t.Fatal(err)
	}
}
