package killtest

import "syscall"

// dieWithParent ends a node when the test process ends, however that happens.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
