package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rondo/internal/audit"
	"rondo/processor"
)

// Exit codes. Scripts branch on them, so they never change their meaning.
const (
	exitDone        = 0 // what was asked for is done
	exitFailed      = 1 // something that nobody foresaw; the text says where
	exitUsage       = 2 // the command line or rondo.yaml is wrong
	exitDefinition  = 3 // a definition is wrong
	exitTopics      = 4 // a topic is missing, or not as it must be
	exitUnreachable = 5 // no broker (or schema registry) can be reached
	exitLogin       = 6 // the brokers refuse the login, or do not allow what was tried
	exitTooOld      = 7 // the Kafka cluster is too old
	exitConflict    = 8 // the version is deployed with another content
	exitInterrupted = 130
)

// failure is an error with the exit code that it gives.
type failure struct {
	code int
	err  error // nil: everything has been said already
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// said is a failure that was explained on the way.
func said(code int) error { return &failure{code: code} }

func usageError(err error) error {
	if f := new(failure); errors.As(err, &f) {
		return err
	}
	return &failure{exitUsage, err}
}

func usagef(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

// report says in one sentence why a command failed, and returns its exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if f := new(failure); errors.As(err, &f) && f.err == nil {
		return code
	}
	if _, werr := fmt.Fprintf(stderr, "rondo: %v\n", err); werr != nil {
		return exitFailed
	}
	return code
}

func exitCode(err error) int {
	var f *failure
	var refusal *processor.Refusal
	var field *processor.FieldError
	var definition *processor.DefinitionError
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &refusal):
		return refusalCode(refusal.Kind)
	case errors.As(err, &field):
		return exitUsage
	case errors.As(err, &definition):
		return exitDefinition
	case errors.Is(err, audit.ErrNoTopic):
		return exitTopics
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

func refusalCode(kind processor.RefusalKind) int {
	switch kind {
	case processor.Unreachable:
		return exitUnreachable
	case processor.LoginFailed, processor.Forbidden:
		return exitLogin
	case processor.TooOld:
		return exitTooOld
	case processor.TopicsWrong:
		return exitTopics
	case processor.Conflict:
		return exitConflict
	}
	return exitFailed
}
