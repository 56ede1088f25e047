package topology

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"
)

// Factors are in thousandths, and so are the roll and the jitter of a pause.
const (
	factorBase = 1000
	jitterBase = 1_000_000
)

// next returns how long to wait before the next attempt of a call whose last one
// failed at at; false if there is none left. None begins when `within` is over.
func (r *Retry) next(call Call, at Instant) (time.Duration, bool) {
	failed := call.Attempt - call.Base
	if r.Attempts > 0 && failed >= r.Attempts {
		return 0, false
	}
	delay := r.delay(call.Command, call.Attempt, failed)
	if r.Within > 0 && at.Add(delay) >= call.First.Add(r.Within) {
		return 0, false
	}
	return delay, true
}

// delay is the pause after the n-th attempt that failed, in whole microseconds
// and integers only, so that it is the same on every machine: d(1) = backoff,
// d(n+1) = min(max, d(n)·factor/1000), and of d a share that a hash of the
// command's id and the attempt's number decides. The number counts on when an
// operator lets a call begin again; n does not.
func (r *Retry) delay(command string, attempt, n int) time.Duration {
	longest := uint64(r.Max / time.Microsecond)
	d := min(longest, uint64(r.Backoff/time.Microsecond))
	for range n - 1 {
		longer := min(longest, mulDiv(d, uint64(r.Factor), factorBase))
		if longer == d {
			break
		}
		d = longer
	}
	roll := jitterRoll(command, attempt)
	share := mulDiv(d, uint64(r.Jitter)*uint64(abs(roll)), jitterBase)
	if roll < 0 {
		return time.Duration(d-min(d, share)) * time.Microsecond
	}
	return time.Duration(d+share) * time.Microsecond
}

// jitterRoll is between -1000 and 1000: h mod 2001 - 1000, where h is the first
// 8 bytes of SHA-256 over the command's id, a zero byte, and n in decimal.
func jitterRoll(command string, n int) int {
	b := append([]byte(command), 0)
	b = strconv.AppendInt(b, int64(n), 10)
	sum := sha256.Sum256(b)
	return int(binary.BigEndian.Uint64(sum[:8])%2001) - 1000
}

// mulDiv is a·b/c without overflow in between; the largest number if the
// quotient does not fit.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<63 - 1
	}
	quotient, _ := bits.Div64(hi, lo, c)
	return min(quotient, 1<<63-1)
}

func abs(i int) int {
	if i < 0 {
		return -i
	}
	return i
}
