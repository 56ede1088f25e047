//go:build unix

package kafkatest

import (
	"os"
	"syscall"
)

// lockFile waits for the lock of a file. The lock ends with the process, so
// one that died leaves none behind.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
