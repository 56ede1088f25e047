//go:build unix && !linux

package kafkatest

import "syscall"

// ownProcess puts a broker into a process group of its own, so that Ctrl-C
// reaches us and not it.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
