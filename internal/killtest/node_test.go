package killtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// node is one `rondo serve` in a process of its own.
type node struct {
	name   string
	config string
	log    string
	listen string
	binary string
	cmd    *exec.Cmd
}

// buildBinary builds rondo once for the test.
func buildBinary(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rondo")
	build := exec.Command("go", "build", "-o", out, "rondo/cmd/rondo")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, text)
	}
	return out
}

func newNode(t *testing.T, name, binary, app string, brokers []string) *node {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	definitions, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: name, binary: binary, listen: freeAddress(t), config: filepath.Join(dir, "rondo.yaml"), log: filepath.Join(dir, "log")}
	text := fmt.Sprintf(`app: %s
brokers: [%s]
partitions: %d
replication: 1
data-dir: data
definitions: [%s]
session-timeout: %s
transaction-timeout: 5s
http: {listen: "%s"}
sources:
  entries: {from: earliest}
  reminded: {from: earliest}
`, app, strings.Join(brokers, ", "), partitions, definitions, sessionTimeout, n.listen)
	if err := os.WriteFile(n.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			n.showLog(t)
		}
	})
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (n *node) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = exec.Command(n.binary, "serve", "--config", n.config)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = dieWithParent()
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process without warning.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.cmd.Process.Kill()
	n.cmd.Wait()
	n.cmd = nil
}

// terminate asks the node to stop, and fails the test if it does not do so in
// good order.
func (n *node) terminate(t *testing.T) {
	t.Helper()
	n.signal(t, syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- n.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s after SIGTERM: %v", n.name, err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("%s did not stop within 30 s of SIGTERM", n.name)
		n.cmd.Process.Kill()
		<-ended
	}
	n.cmd = nil
}

func (n *node) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v to %s: %v", s, n.name, err)
	}
}

// running is how many partitions the node decides on; 0 if it does not answer.
func (n *node) running() int {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get("http://" + n.listen + "/readyz")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var status struct {
		Partitions struct{ Running int }
	}
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		return 0
	}
	return status.Partitions.Running
}

func (n *node) showLog(t *testing.T) {
	text, err := os.ReadFile(n.log)
	if err != nil {
		t.Logf("log of %s: %v", n.name, err)
		return
	}
	lines := strings.Split(string(text), "\n")
	t.Logf("end of the log of %s:\n%s", n.name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
}

func run(t *testing.T, binary string, args ...string) {
	t.Helper()
	if text, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(binary), strings.Join(args, " "), err, text)
	}
}
