package services

import (
	"strconv"
	"time"
)

// habits are how a service behaves. Shares are of commands, 0 to 1.
type habits struct {
	// An answer takes base plus an exponentially distributed time of this mean,
	// at most most.
	base, mean, most time.Duration

	// silent is the share of commands that are not answered at first, and of
	// those, again not the next time; never more than silentMost times. Half of
	// the silences lose the request (nothing is done), half the answer.
	silent     float64
	silentMost int

	// late is the share of commands whose first answer comes after the caller
	// has stopped waiting: patience is its timeout, pause its first backoff.
	late            float64
	patience, pause time.Duration

	twice float64 // share of answers that are sent a second time
	echo  float64 // share of answers that carry the command's id
}

// The three services. Patience and pause follow examples/checkout; the rates
// are such that each trouble shows dozens of times in 2,000 orders, and that an
// order which meets several of them is still done within half a minute.
var (
	inventoryHabits = habits{
		base: 4 * time.Millisecond, mean: 20 * time.Millisecond, most: 400 * time.Millisecond,
		silent: 0.05, silentMost: 2,
		late: 0.02, patience: 2 * time.Second, pause: 200 * time.Millisecond,
		twice: 0.06, echo: 0.5,
	}
	paymentHabits = habits{
		base: 25 * time.Millisecond, mean: 60 * time.Millisecond, most: time.Second,
		silent: 0.02, silentMost: 2,
		late: 0.015, patience: 5 * time.Second, pause: time.Second,
		twice: 0.06, echo: 0.7,
	}
	shippingHabits = habits{
		base: 10 * time.Millisecond, mean: 40 * time.Millisecond, most: time.Second,
		silent: 0.01, silentMost: 1,
		late: 0.01, patience: 10 * time.Second, pause: time.Second,
		twice: 0.06, echo: 0.5,
	}
)

// manner is how one delivery of a command is treated.
type manner struct {
	lost  bool          // the request never arrived: nothing is done
	mute  bool          // it is done, but the answer is lost
	after time.Duration // when it is answered
	again time.Duration // when the answer is sent once more; 0: not
	echo  bool
}

// manner decides how a service treats the n-th delivery (from 1) of a command;
// subject names the command independently of its run.
func (h habits) manner(d dice, subject string, n int) manner {
	attempt := strconv.Itoa(n)
	m := manner{
		after: d.wait(h.base, h.mean, h.most, subject, attempt, "latency"),
		echo:  d.roll(subject, attempt, "echo") < h.echo,
	}
	if h.silence(d, subject, n) {
		m.lost = d.roll(subject, attempt, "lost") < 0.5
		m.mute = !m.lost
		return m
	}
	if n == 1 && d.roll(subject, "late") < h.late {
		m.after = d.between(h.patience, h.patience+h.pause+300*time.Millisecond, subject, "lateness")
	}
	if d.roll(subject, attempt, "twice") < h.twice {
		m.again = m.after + d.wait(time.Millisecond, 50*time.Millisecond, time.Second, subject, attempt, "again")
	}
	return m
}

// silence reports whether the n-th delivery stays without an answer. It may
// only if all before it did, so that silences end.
func (h habits) silence(d dice, subject string, n int) bool {
	if n > h.silentMost {
		return false
	}
	for i := 1; i <= n; i++ {
		share := h.silent
		if i > 1 {
			share = secondSilence
		}
		if d.roll(subject, strconv.Itoa(i), "silent") >= share {
			return false
		}
	}
	return true
}

// secondSilence is the share of unanswered commands that are not answered the
// next time either.
const secondSilence = 0.25
