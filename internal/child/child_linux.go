package child

import (
	"os"
	"syscall"
)

// dieWithParent has the kernel kill the child when its parent is gone, and
// keeps the terminal's Ctrl-C from it: the parent ends it in order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// askToEnd lets the process finish. One that has ended needs no asking.
func askToEnd(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
