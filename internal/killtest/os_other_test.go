//go:build !linux

package killtest

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
