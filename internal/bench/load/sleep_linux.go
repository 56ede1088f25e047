package load

import (
	"syscall"
	"time"
)

// preciseSleep sleeps to within some 60 µs. The runtime's timers go through the
// poller, which counts in milliseconds: a rate of 1,000/s would come in pairs.
func preciseSleep(d time.Duration) {
	spec := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&spec, nil) // cut short by a signal: the caller looks at the clock
}
