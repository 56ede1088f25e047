package nodes

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

// process is one life of a node.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // open as long as the node shall live
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended; read after ended
}

// spawn starts a process that ends with this one. Its output is appended to
// the log file.
func spawn(executable string, args []string, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a node's log: %w", err)
	}
	cmd := exec.Command(executable, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("start a node: %w", err)
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	started := make(chan error)
	go p.live(log, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	return p, nil
}

// live starts the process and stays until it has ended. The thread is kept: the
// kernel would end the process with the thread that started it.
func (p *process) live(log io.Closer, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer log.Close()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// kill ends the process without warning and waits until it is gone.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.cmd.Process.Pid, err)
	}
	<-p.ended
	return nil
}

// stop asks the process to end, and kills it if it has not after patience.
func (p *process) stop(patience time.Duration) error {
	askToEnd(p.cmd.Process)
	select {
	case <-p.ended:
	case <-time.After(patience):
		if err := p.kill(); err != nil {
			return err
		}
		return fmt.Errorf("process %d did not end within %s of being asked to, and was killed", p.cmd.Process.Pid, patience)
	}
	if p.err != nil {
		return fmt.Errorf("process %d: %w", p.cmd.Process.Pid, p.err)
	}
	return nil
}

// tail is the end of a log file: what a node said last.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
