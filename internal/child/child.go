package child

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Process is a child.
type Process struct {
	// Stdin is open as long as the child shall live.
	Stdin io.WriteCloser

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended; read after ended
}

// Start starts a program. stdout and stderr are as in exec.Cmd; a file may be
// closed when Start has returned.
func Start(program string, args []string, stdout, stderr io.Writer) (*Process, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = dieWithParent()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &Process{cmd: cmd, Stdin: stdin, ended: make(chan struct{})}
	started := make(chan error)
	go p.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// live starts the process and stays until it has ended. The thread is kept: the
// kernel would end the process with the thread that started it.
func (p *Process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended and its output was taken.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err says how the process ended; nil: in order. It waits for the end.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Kill ends the process without warning and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.Pid(), err)
	}
	<-p.ended
	return nil
}

// Stop asks the process to end, and kills it if it has not after patience.
func (p *Process) Stop(patience time.Duration) error {
	askToEnd(p.cmd.Process)
	select {
	case <-p.ended:
	case <-time.After(patience):
		if err := p.Kill(); err != nil {
			return err
		}
		return fmt.Errorf("process %d did not end within %s of being asked to, and was killed", p.Pid(), patience)
	}
	if p.err != nil {
		return fmt.Errorf("process %d: %w", p.Pid(), p.err)
	}
	return nil
}

// Tail is the end of a log file: what a child said last.
func Tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
