package services

import (
	"strconv"
	"time"
)

// Habits are how a service behaves. Shares are of commands, 0 to 1.
type Habits struct {
	// An answer takes base plus an exponentially distributed time of this mean,
	// at most most.
	Base, Mean, Most time.Duration

	// Silent is the share of commands that are not answered at first, and of
	// those, again not the next time; never more than SilentMost times. Half of
	// the silences lose the request (nothing is done), half the answer.
	Silent     float64
	SilentMost int

	// Late is the share of commands whose first answer comes after the caller
	// has stopped waiting: Patience is its timeout, Pause its first backoff.
	Late            float64
	Patience, Pause time.Duration

	Twice float64 // share of answers that are sent a second time
	Echo  float64 // share of answers that carry the command's id
}

// Manner is how one delivery of a command is treated.
type Manner struct {
	Lost  bool          // the request never arrived: nothing is done
	Mute  bool          // it is done, but the answer is lost
	After time.Duration // when it is answered
	Again time.Duration // when the answer is sent once more; 0: not
	Echo  bool
}

// Manner decides how a service treats the n-th delivery (from 1) of a command;
// subject names the command independently of its run.
func (h Habits) Manner(d Dice, subject string, n int) Manner {
	attempt := strconv.Itoa(n)
	m := Manner{
		After: d.Wait(h.Base, h.Mean, h.Most, subject, attempt, "latency"),
		Echo:  d.Roll(subject, attempt, "echo") < h.Echo,
	}
	if h.silence(d, subject, n) {
		m.Lost = d.Roll(subject, attempt, "lost") < 0.5
		m.Mute = !m.Lost
		return m
	}
	if n == 1 && d.Roll(subject, "late") < h.Late {
		m.After = d.Between(h.Patience, h.Patience+h.Pause+300*time.Millisecond, subject, "lateness")
	}
	if d.Roll(subject, attempt, "twice") < h.Twice {
		m.Again = m.After + d.Wait(time.Millisecond, 50*time.Millisecond, time.Second, subject, attempt, "again")
	}
	return m
}

// silence reports whether the n-th delivery stays without an answer. It may
// only if all before it did, so that silences end.
func (h Habits) silence(d Dice, subject string, n int) bool {
	if n > h.SilentMost {
		return false
	}
	for i := 1; i <= n; i++ {
		share := h.Silent
		if i > 1 {
			share = secondSilence
		}
		if d.Roll(subject, strconv.Itoa(i), "silent") >= share {
			return false
		}
	}
	return true
}

// secondSilence is the share of unanswered commands that are not answered the
// next time either.
const secondSilence = 0.25
