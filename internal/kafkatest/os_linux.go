package kafkatest

import "syscall"

// ownProcess puts a broker into a process group of its own, so that Ctrl-C
// reaches us and not it, and has the kernel kill it when the thread that
// started it ends, which is when this process does.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
