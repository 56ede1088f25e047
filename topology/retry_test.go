package topology

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The pauses of a retry as the language reference has them. These figures are
// for ever: history is verified by deciding it again.
func TestPausesOfARetry(t *testing.T) {
	plain := Retry{Attempts: 9, Backoff: time.Second, Factor: 2000, Max: 10 * time.Second}
	shaken := Retry{Attempts: 9, Backoff: 200 * time.Millisecond, Factor: 1500, Max: time.Hour, Jitter: 200}
	steady := Retry{Backoff: 5 * time.Minute, Factor: 1000, Max: time.Minute}
	for _, c := range []struct {
		retry Retry
		want  []time.Duration
	}{
		{plain, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second}},
		{shaken, []time.Duration{190160 * time.Microsecond, 357960 * time.Microsecond, 473580 * time.Microsecond, 637335 * time.Microsecond}},
		{steady, []time.Duration{time.Minute, time.Minute}},
	} {
		for i, want := range c.want {
			if got := c.retry.delay("00112233445566778899aabbccddeeff", i+1, i+1); got != want {
				t.Errorf("%+v, attempt %d: %v, want %v", c.retry, i+1, got, want)
			}
		}
	}
}

// TestPauseIsTheFormula computes the formula of the language reference with
// numbers of any size.
func TestPauseIsTheFormula(t *testing.T) {
	micros := func(t *rapid.T, name string, most time.Duration) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(most/time.Microsecond)).Draw(t, name)) * time.Microsecond
	}
	rapid.Check(t, func(t *rapid.T) {
		r := Retry{
			Backoff: micros(t, "backoff", 24*time.Hour),
			Factor:  rapid.IntRange(1000, 1_000_000).Draw(t, "factor"),
			Max:     micros(t, "max", 10*365*24*time.Hour),
			Jitter:  rapid.IntRange(0, 1000).Draw(t, "jitter"),
		}
		id, n := rapid.StringMatching("[0-9a-f]{32}").Draw(t, "id"), rapid.IntRange(1, 50).Draw(t, "n")
		if got, want := r.delay(id, n, n), pauseByFormula(r, id, n); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func pauseByFormula(r Retry, id string, n int) time.Duration {
	whole := func(i int64) *big.Int { return big.NewInt(i) }
	most := whole(int64(r.Max / time.Microsecond))
	least := func(a, b *big.Int) *big.Int {
		if a.Cmp(b) < 0 {
			return a
		}
		return b
	}
	d := least(most, whole(int64(r.Backoff/time.Microsecond)))
	for range n - 1 {
		d = least(most, new(big.Int).Quo(new(big.Int).Mul(d, whole(int64(r.Factor))), whole(1000)))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", id, n))
	roll := int64(binary.BigEndian.Uint64(sum[:8])%2001) - 1000
	share := new(big.Int).Mul(new(big.Int).Mul(d, whole(int64(r.Jitter))), whole(roll))
	share.Quo(share, whole(1_000_000))
	return time.Duration(new(big.Int).Add(d, share).Int64()) * time.Microsecond
}

func TestNoAttemptBeginsWhenWithinIsOver(t *testing.T) {
	r := Retry{Attempts: 10, Backoff: time.Second, Factor: 1000, Max: time.Minute, Within: 3 * time.Second}
	call := Call{Command: "c", Attempt: 1, First: 1000}
	if _, again := r.next(call, 2999); !again {
		t.Error("a millisecond is left")
	}
	if _, again := r.next(call, 3000); again {
		t.Error("an attempt of no length")
	}
	call.Attempt, r.Within = 10, 0
	if _, again := r.next(call, 3000); again {
		t.Error("an eleventh attempt")
	}
	call.Base = 1
	if _, again := r.next(call, 3000); !again {
		t.Error("attempts before an operator let it begin again count")
	}
}

// What no file can say: an attempt that was not sent is none that can be made again.
func TestAFaultIsNotTriedAgain(t *testing.T) {
	r := Retry{Errors: []string{"refused", errorFault}}
	for name, want := range map[string]bool{"refused": true, errorFault: false, errorTimeout: false} {
		if r.names(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
