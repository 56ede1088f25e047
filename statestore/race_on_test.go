//go:build race

package statestore

// slowness is how much less the crash tests do under the race detector.
const slowness = 8
