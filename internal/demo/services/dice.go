package services

import (
	"hash/fnv"
	"math"
	"strings"
	"time"
)

// Dice rolls the same numbers for the same seed and subject, on every machine
// and in every order of asking.
type Dice struct{ Seed uint64 }

// Roll returns a number in [0, 1) that depends on the seed and the words only.
func (d Dice) Roll(words ...string) float64 {
	h := fnv.New64a()
	for _, w := range words {
		h.Write([]byte(w)) // a hash's Write never fails
		h.Write([]byte{0})
	}
	return float64(mix(h.Sum64()^mix(d.Seed))>>11) / (1 << 53)
}

// mix spreads every bit of x over the whole word (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Wait rolls a duration: base plus an exponentially distributed part of the
// given mean, and never more than most.
func (d Dice) Wait(base, mean, most time.Duration, words ...string) time.Duration {
	u := d.Roll(words...)
	return min(most, base+time.Duration(-math.Log(1-u)*float64(mean)))
}

// Between rolls a duration in [from, to).
func (d Dice) Between(from, to time.Duration, words ...string) time.Duration {
	return from + time.Duration(d.Roll(words...)*float64(to-from))
}

// NumberOf is what identifies a case apart from its run: the part behind the
// last dash. Chance hangs on it, so that one seed tells one story on each run.
func NumberOf(key string) string { return key[strings.LastIndexByte(key, '-')+1:] }
