//go:build unix

package devbroker

import (
	"os"
	"syscall"
)

// claim fails if another process holds the file.
func claim(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
