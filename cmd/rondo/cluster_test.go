package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"rondo/internal/kafkatest"
)

// application writes a configuration and a workflow for an application of this
// test's own, with topics of its own, and returns the application's name.
func application(t *testing.T, cluster *kafkatest.Cluster) string {
	t.Helper()
	app := strings.ToLower(kafkatest.Unique(t, "app"))
	folder(t, map[string]string{
		"parcel.yaml": strings.ReplaceAll(parcelFile, "topic: parcel", "topic: "+app),
		"rondo.yaml": fmt.Sprintf("app: %s\nbrokers: [%s]\npartitions: 2\nreplication: %d\nsession-timeout: 6s\nhttp: {listen: '127.0.0.1:0'}\n",
			app, strings.Join(cluster.Addrs, ", "), min(len(cluster.Addrs), 3)),
	})
	return app
}

func TestTopicsPlanApplyAndDeploy(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		app := application(t, cluster)
		said := func(text string) string { return strings.ReplaceAll(text, app, "APP") }
		copies := fmt.Sprint(min(len(cluster.Addrs), 3))

		r := rondo(t, "topics", "plan")
		if r.code != exitTopics || strings.Count(r.stdout, "missing") != 5 || !strings.HasSuffix(r.stdout, "5 topics to create: rondo topics apply\n") {
			t.Errorf("plan: %+v", r)
		}
		rondo(t, "topics", "apply").want(t, exitUsage, strings.TrimSpace(r.stdout)+"\nrondo: there is no terminal to ask on: add --yes to create 5 topics")
		r = rondo(t, "topics", "apply", "--yes")
		if want := "created APP.definitions: 1 partition, " + copies + map[bool]string{true: " copy", false: " copies"}[copies == "1"]; r.code != exitDone || !strings.Contains(said(r.stdout), want) || strings.Count(r.stdout, "created") != 5 {
			t.Errorf("apply: %+v\nwant %s", r, want)
		}
		if r = rondo(t, "topics", "plan"); r.code != exitDone || strings.Count(r.stdout, "present") != 5 {
			t.Errorf("plan after apply: %+v", r)
		}

		r = rondo(t, "deploy", "parcel.yaml")
		if r.code != exitTopics || said(r.stderr) != "rondo: 3 topics are missing (APP.commands, APP.events, APP.orders): create them with rondo topics apply parcel.yaml\n" {
			t.Errorf("deploy without topics: %+v", r)
		}
		if r = rondo(t, "topics", "plan"); r.code != exitDone {
			t.Errorf("plan of what the configuration names: %+v", r)
		}
		if r = rondo(t, "topics", "plan", "parcel.yaml"); r.code != exitTopics || !strings.HasSuffix(r.stdout, "3 topics to create: rondo topics apply parcel.yaml\n") {
			t.Errorf("plan with the file: %+v", r)
		}
		rondo(t, "topics", "plan", "nowhere.yaml").want(t, exitUsage, "rondo: there is no file or folder nowhere.yaml: name a workflow file (YAML), or a folder with some")
		if r = rondo(t, "topics", "apply", "--yes", "parcel.yaml"); r.code != exitDone || strings.Count(r.stdout, "created") != 3 {
			t.Errorf("apply of the messages' topics: %+v", r)
		}
		if r = rondo(t, "deploy", "parcel.yaml"); r.code != exitDone || r.stdout != "parcel version 1: deployed\n" {
			t.Errorf("deploy: %+v", r)
		}
		if r = rondo(t, "deploy", "-o", "json", "parcel.yaml"); r.code != exitDone || strings.Join(strings.Fields(r.stdout), "") != `[{"workflow":"parcel","version":"1","new":false}]` {
			t.Errorf("deploy again: %+v", r)
		}
		appendTo(t, "parcel.yaml", "keep: 1h\n")
		if r = rondo(t, "deploy", "parcel.yaml"); r.code != exitConflict || !strings.HasSuffix(r.stderr, "with another content: a deployed version never changes, give the file version 2\n") {
			t.Errorf("deploy of another content: %+v", r)
		}
	})
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	write(t, name, read(t, name)+text)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTopicsPlanTellsProgramsTheSame(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app := application(t, cluster)
	r := rondo(t, "topics", "plan", "--json")
	if same := rondo(t, "topics", "plan", "-o", "json"); same.stdout != r.stdout {
		t.Errorf("-o json gives another plan than --json: %s", same.stdout)
	}
	var rows []plannedTopic
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	if r.code != exitTopics || len(rows) != 5 || rows[1].Topic != app+".changelog" || rows[1].State != "missing" || rows[1].Settings["cleanup.policy"] != "compact" {
		t.Errorf("exit code %d: %+v", r.code, rows)
	}
}

// Whoever misspells a topic is not led to create another one.
func TestAMissingTopicThatIsCalledNearlyLikeAnotherIsAskedAbout(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app := application(t, cluster)
	if r := rondo(t, "topics", "apply", "--yes", "parcel.yaml"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	write(t, "parcel.yaml", strings.Replace(read(t, "parcel.yaml"), app+".orders", app+".oders", 1))
	meant := app + ".oders: did you mean " + app + ".orders, which there is?"
	if r := rondo(t, "deploy", "parcel.yaml"); r.code != exitTopics || !strings.HasSuffix(r.stderr, "create it with rondo topics apply parcel.yaml; "+meant+"\n") {
		t.Errorf("deploy: %+v", r)
	}
	if r := rondo(t, "topics", "plan", "parcel.yaml"); r.code != exitTopics || !strings.Contains(r.stdout, "\n"+meant+"\n") {
		t.Errorf("plan: %+v", r)
	}
	if r := rondo(t, "topics", "plan", "--json", "parcel.yaml"); !strings.Contains(r.stdout, `"near": "`+app+`.orders"`) {
		t.Errorf("plan for programs: %+v", r)
	}
	write(t, "rondo.yaml", strings.Replace(read(t, "rondo.yaml"), "app: "+app, "app: "+app+"2", 1))
	if r := rondo(t, "topics", "plan"); strings.Contains(r.stdout, "did you mean") {
		t.Errorf("an own topic is never misspelt: %+v", r)
	}
}

// What somebody interrupts has no result, and its code says so.
func TestWhatIsInterruptedHasACodeOfItsOwn(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for args, want := range map[string]string{
		"demo --orders 10":                "rondo: the demo was interrupted: there is no verdict",
		"bench --cases 1":                 "rondo: the benchmark was interrupted: there is no result",
		"topics plan --config rondo.yaml": "rondo: ",
	} {
		folder(t, map[string]string{"rondo.yaml": "app: shop\nbrokers: ['" + unusedAddress(t) + "']\n"})
		var out, err bytes.Buffer
		if code := run(ctx, strings.Fields(args), &out, &err); code != exitInterrupted || !strings.Contains(err.String(), want) {
			t.Errorf("%s: exit code %d, %s", args, code, err.String())
		}
	}
}

func TestTopicsPlanRefusesAnotherNumberOfPartitions(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app := application(t, cluster)
	if r := rondo(t, "topics", "apply", "--yes"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	write(t, "rondo.yaml", strings.Replace(read(t, "rondo.yaml"), "partitions: 2", "partitions: 4", 1))
	want := "error: " + app + ".inbox has 2 partitions, the configuration says 4: the number is fixed when the application is made"
	for _, command := range []string{"plan", "apply"} {
		r := rondo(t, "topics", command)
		if r.code != exitTopics || !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

func TestAClusterThatCannotBeUsedGetsOneSentenceAndItsCode(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile})
	t.Setenv("SECRET", "wrong")
	nobody := unusedAddress(t)
	old := fakeBroker(t, kfake.MaxVersions(kversion.V3_9_0()))
	locked := fakeBroker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "rondo", "right"))
	for _, tc := range []struct {
		name, broker, more string
		code               int
		want               string
	}{
		{"nobody there", nobody, "", exitUnreachable,
			"rondo: no broker can be reached at BROKER (connection refused): check brokers, and that Kafka runs"},
		{"too old", old, "", exitTooOld,
			"rondo: broker 0 is too old: its transactions can lose or tear data (KIP-890); rondo needs Kafka 4.0 or newer"},
		{"no login", locked, "", exitLogin,
			"rondo: the brokers at BROKER close the connection at once: if they ask for a login set sasl, if they speak TLS set tls"},
		{"wrong login", locked, "sasl: {mechanism: plain, user: rondo, password: '${env:SECRET}'}\n", exitLogin,
			"rondo: the brokers at BROKER close the connection at once: check sasl.user and sasl.password; if they speak TLS set tls, if they ask for no login remove sasl"},
	} {
		write(t, "rondo.yaml", "app: shop\nhttp: {listen: off}\nbrokers: ["+tc.broker+"]\n"+tc.more)
		for _, command := range []string{"topics plan", "topics apply --yes", "deploy parcel.yaml", "serve --log-level error"} {
			t.Run(tc.name+"/"+command, func(t *testing.T) {
				rondo(t, strings.Fields(command)...).want(t, tc.code, strings.ReplaceAll(tc.want, "BROKER", tc.broker))
			})
		}
	}
}

func fakeBroker(t *testing.T, opts ...kfake.Opt) string {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func TestServeRefusesMissingTopics(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app := application(t, cluster)
	appendTo(t, "rondo.yaml", "definitions: .\n")
	rondo(t, "serve", "--log-level", "error").want(t, exitTopics, strings.ReplaceAll(
		"rondo: 8 topics are missing (APP.changelog, APP.commands, APP.dead-letters, APP.definitions, APP.events, APP.history, APP.inbox, APP.orders): create them with rondo topics apply",
		"APP", app))
}

func TestServeRefusesAWrongDefinition(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	application(t, cluster)
	appendTo(t, "rondo.yaml", "definitions: parcel.yaml\n")
	write(t, "parcel.yaml", wrongFile)
	r := rondo(t, "serve")
	if r.code != exitDefinition || !strings.Contains(r.stderr, "error[") || strings.Contains(r.stderr, "level=") {
		t.Errorf("%+v", r)
	}
}

// running is a command that runs until the test stops it.
type running struct {
	stop   context.CancelFunc
	code   chan int
	stdout *lockedBuffer
	stderr *lockedBuffer
}

// lockedBuffer can be read while a command writes to it.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	r := &running{stop: cancel, code: make(chan int, 1), stdout: &lockedBuffer{}, stderr: &lockedBuffer{}}
	go func() { r.code <- run(ctx, args, r.stdout, r.stderr) }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
		}
	})
	return r
}

// end stops the command and returns its exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	r.stop()
	select {
	case code := <-r.code:
		r.code <- code
		return code
	case <-time.After(time.Minute):
		t.Fatal("it did not stop")
		return 0
	}
}

// eventually waits for what the command will do.
func (r *running) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(90 * time.Second); !holds(); <-ticker.C {
		select {
		case code := <-r.code:
			r.code <- code
			t.Fatalf("it ended with code %d before %s", code, what)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// ready asks a node's /readyz.
func ready(address string) bool {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(address + "/readyz")
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

var httpAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func TestServeDecidesUntilItIsStopped(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		app := application(t, cluster)
		appendTo(t, "rondo.yaml", "definitions: parcel.yaml\nsources: {"+app+".orders: {from: earliest}}\n")
		if r := rondo(t, "topics", "apply", "--yes"); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
		node := start(t, "serve")
		node.eventually(t, "the node is ready", func() bool {
			address := httpAddress.FindString(node.stderr.String())
			return address != "" && ready(address)
		})
		exchange(t, cluster, app)
		if code := node.end(t); code != exitDone {
			t.Errorf("stopped with exit code %d", code)
		}
		if log := node.stderr.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("errors in the log")
		}
	})
}

// exchange sends an order and waits for the command that it causes.
func exchange(t *testing.T, cluster *kafkatest.Cluster, app string, opts ...kgo.Opt) {
	t.Helper()
	client := cluster.Client(t, append(opts, kgo.ConsumeTopics(app+".commands"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	order := &kgo.Record{Topic: app + ".orders", Key: []byte("o-1"), Value: []byte(`{"type": "Ordered", "id": "o-1"}`)}
	if err := client.ProduceSync(ctx, order).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatal("the order caused no command")
		}
		if records := fetches.Records(); len(records) > 0 {
			if r := records[0]; string(r.Key) != "o-1" || string(r.Value) != `{"id":"o-1"}` {
				t.Errorf("command %s = %s", r.Key, r.Value)
			}
			return
		}
	}
}

func TestDevReloadsWhatChangesAndKeepsIt(t *testing.T) {
	dir := folder(t, map[string]string{"parcel.yaml": parcelFile})
	file := filepath.Join(dir, "parcel.yaml")
	args := []string{"dev", ".", "--port", "0", "--http", "127.0.0.1:0"}
	d := start(t, args...)
	d.eventually(t, "the node is ready", func() bool {
		address := httpAddress.FindString(d.stderr.String())
		return address != "" && ready(address)
	})
	if !strings.Contains(d.stderr.String(), "not for production") {
		t.Error("the banner does not say what it is not for")
	}
	for _, topic := range []string{"parcel.orders", "parcel.commands", "parcel.events"} {
		if !strings.Contains(d.stdout.String(), "created topic "+topic+" (parcel)") {
			t.Errorf("topic %s is not told of", topic)
		}
	}
	write(t, file, parcelFile+"keep: 1h\n")
	d.eventually(t, "the change is in force", func() bool {
		return strings.Contains(d.stdout.String(), "parcel version 1+dev.1 is in force (parcel.yaml)")
	})
	write(t, file, wrongFile)
	d.eventually(t, "the error is shown", func() bool { return strings.Contains(d.stderr.String(), "Snet") })
	write(t, file, parcelFile+"keep: 1h\n")
	if code := d.end(t); code != exitDone {
		t.Errorf("stopped with exit code %d", code)
	}

	again := start(t, args...)
	again.eventually(t, "what was kept is in force", func() bool {
		return strings.Contains(again.stdout.String(), "parcel version 1+dev.1 is in force (parcel.yaml)")
	})
	if strings.Contains(again.stdout.String(), "created topic") {
		t.Error("the topics were not kept")
	}
	if code := again.end(t); code != exitDone {
		t.Errorf("stopped with exit code %d", code)
	}
}

func TestDevSaysThatItsPortIsTaken(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := rondo(t, "dev", "--port", port)
	if r.code != exitUsage || !strings.HasSuffix(r.stderr, "perhaps by another rondo dev; --port 0 takes any free port, and is shown at the start\n") {
		t.Errorf("%+v", r)
	}
}
