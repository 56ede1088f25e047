package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// node is one Kafka process, broker and controller in one, and its folder.
type node struct {
	id      int
	home    string // of the installation
	dir     string // of this node: settings, log, data
	address string // of the broker, host:port
	swift   bool   // see Options.Throughput

	process *os.Process
	gone    chan struct{} // closed when the process has ended
	killed  bool          // by us
}

func (n *node) settingsFile() string { return filepath.Join(n.dir, "server.properties") }
func (n *node) logFile() string      { return filepath.Join(n.dir, "kafka.log") }

// prepare writes the settings and formats the data folder.
func (n *node) prepare(ctx context.Context, clusterID string, settings []string) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	content := strings.Join(settings, "\n") + "\n"
	if err := os.WriteFile(n.settingsFile(), []byte(content), 0o644); err != nil {
		return err
	}
	format := exec.CommandContext(ctx, "java", n.java(true, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.settingsFile())...)
	if output, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("format node %d: %w\n%s", n.id, err, tail(output, 4000))
	}
	return nil
}

// java is a Java command of the installation. What is over in seconds has no
// time to win back what the second compiler costs.
func (n *node) java(brief bool, class string, args ...string) []string {
	options := []string{
		"-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-Dlog4j2.configurationFile=" + filepath.Join(n.home, "log4j2.xml"),
		"-cp", filepath.Join(n.home, "libs", "*"),
	}
	if brief {
		options = append(options, "-XX:TieredStopAtLevel=1")
	}
	return append(append(options, class), args...)
}

// start starts the process and returns at once.
func (n *node) start() error {
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	command := exec.Command("java", n.java(!n.swift, "kafka.Kafka", n.settingsFile())...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = ownProcess()
	started := make(chan error)
	n.gone = make(chan struct{})
	go n.attend(command, started, n.gone)
	err = <-started
	log.Close()
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.id, err)
	}
	n.process, n.killed = command.Process, false
	return nil
}

// attend starts a process and waits for its end, on one thread: the kernel
// takes the end of the thread that started it for the end of its parent.
func (n *node) attend(command *exec.Cmd, started chan<- error, gone chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := command.Start()
	started <- err
	if err == nil {
		_ = command.Wait() // how it ended is in its log
		close(gone)
	}
}

func (n *node) running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.gone:
		return false
	default:
		return true
	}
}

// kill ends the process without warning and waits until it is gone.
func (n *node) kill() error {
	if !n.running() {
		return nil
	}
	n.killed = true
	if err := n.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill node %d: %w", n.id, err)
	}
	select {
	case <-n.gone:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("node %d, process %d, does not end", n.id, n.process.Pid)
	}
}

// awaitFencing waits until this node, as the controller, has given up a broker that
// was killed. Only its log tells: the broker that could be asked is dead.
func (n *node) awaitFencing(ctx context.Context, broker int) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		given, err := n.givenUp(broker)
		if given || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the controller does not give up broker %d: %w\n%s", broker, ctx.Err(), n.lastWords())
		}
	}
}

// givenUp reports whether the last word in the controller's log about a broker's
// registration is that it is fenced.
func (n *node) givenUp(broker int) (bool, error) {
	log, err := os.ReadFile(n.logFile())
	if err != nil {
		return false, fmt.Errorf("read the controller's log: %w", err)
	}
	i := bytes.LastIndex(log, fmt.Appendf(nil, "BrokerRegistrationChangeRecord(brokerId=%d,", broker))
	if i < 0 {
		return false, nil
	}
	change, _, _ := bytes.Cut(log[i:], []byte("\n"))
	return bytes.Contains(change, []byte("fenced=1,")), nil
}

// portTaken reports whether the node ended because another process has taken
// one of its ports since they were chosen.
func (n *node) portTaken() bool {
	log, err := os.ReadFile(n.logFile())
	return err == nil && bytes.Contains(log, []byte("Address already in use"))
}

// lastWords is the end of the node's log.
func (n *node) lastWords() string {
	log, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return string(tail(log, 4000))
}
