package kafkatest

import (
	"errors"
	"syscall"
)

func lockFile(string) (unlock func(), err error) {
	return nil, errors.New("real Kafka is not run on Windows; set RONDO_KAFKA=embedded")
}

func ownProcess() *syscall.SysProcAttr { return nil }
