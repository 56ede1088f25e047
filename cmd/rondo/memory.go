package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much a node's heap may grow before garbage is collected, in
// percent of what is in use. A node makes much garbage and keeps little: at Go's
// 100 a quarter of its processor time went into collecting, at 300 a tenth.
const gcPercent = 300

// collectRarely sets gcPercent, unless GOGC says how it shall be.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
