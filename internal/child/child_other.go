//go:build !unix

package child

import (
	"os"
	"syscall"
)

// dieWithParent asks nothing of the system: the child ends when its standard
// input closes.
func dieWithParent() *syscall.SysProcAttr { return nil }

// askToEnd ends the process: there is no signal to let it finish.
func askToEnd(p *os.Process) { _ = p.Kill() }
