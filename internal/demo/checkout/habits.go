package checkout

import (
	"time"

	"rondo/internal/demo/services"
)

// The three services. Patience and pause follow examples/checkout; the rates
// are such that each trouble shows dozens of times in 2,000 orders, and that an
// order which meets several of them is still done within half a minute.
var (
	inventoryHabits = services.Habits{
		Base: 4 * time.Millisecond, Mean: 20 * time.Millisecond, Most: 400 * time.Millisecond,
		Silent: 0.05, SilentMost: 2,
		Late: 0.02, Patience: 2 * time.Second, Pause: 200 * time.Millisecond,
		Twice: 0.06, Echo: 0.5,
	}
	paymentHabits = services.Habits{
		Base: 25 * time.Millisecond, Mean: 60 * time.Millisecond, Most: time.Second,
		Silent: 0.02, SilentMost: 2,
		Late: 0.015, Patience: 5 * time.Second, Pause: time.Second,
		Twice: 0.06, Echo: 0.7,
	}
	shippingHabits = services.Habits{
		Base: 10 * time.Millisecond, Mean: 40 * time.Millisecond, Most: time.Second,
		Silent: 0.01, SilentMost: 1,
		Late: 0.01, Patience: 10 * time.Second, Pause: time.Second,
		Twice: 0.06, Echo: 0.5,
	}
)
