//go:build unix && !linux

package child

import (
	"os"
	"syscall"
)

// dieWithParent keeps the terminal's Ctrl-C from the child: the parent ends it
// in order. That it ends with its parent is up to its standard input.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// askToEnd lets the process finish. One that has ended needs no asking.
func askToEnd(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
