package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/internal/kafkatest"
	"rondo/internal/operate"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// patientFile is parcelFile with time to look at it.
var patientFile = strings.NewReplacer("timeout: 5s", "timeout: 1h", "order: =event", "order: =event, tries: 0",
	"do:\n", "do:\n  - weigh: {if: has(order.grams), set: {tries: =order.grams + 0}}\n").Replace(parcelFile) + "search: [tries]\n"

// withNode runs a node of an application with one order under way, and returns
// the application's name and a client of the test.
func withNode(t *testing.T, cluster *kafkatest.Cluster) (app string, client *kgo.Client) {
	t.Helper()
	app = application(t, cluster)
	write(t, "parcel.yaml", strings.ReplaceAll(patientFile, "topic: parcel", "topic: "+app))
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
	t.Cleanup(func() { node.end(t) })
	return app, cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

// lines decodes what a command prints with --json.
func lines(t *testing.T, r result) []map[string]any {
	t.Helper()
	if r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	var out []map[string]any
	for dec := json.NewDecoder(strings.NewReader(r.stdout)); dec.More(); {
		var v map[string]any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, r.stdout)
		}
		out = append(out, v)
	}
	return out
}

func TestOperatorSeesAndActs(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		app, _ := withNode(t, cluster)
		if r := rondo(t, "instances", "list"); r.code != exitDone || !strings.Contains(r.stdout, "parcel    o-1  1        running  parcel  ") {
			t.Errorf("list: %+v", r)
		}
		instance := []string{"--workflow", "parcel", "--key", "o-1"}
		r := rondo(t, append([]string{"act", "set", "--data", `{"tries": 2}`, "--reason", "by hand", "--principal", "ada"}, instance...)...)
		home := processor.PartitionOf([]byte("o-1"), 2)
		if r.code != exitDone || !strings.HasPrefix(r.stdout, fmt.Sprintf("set of parcel/o-1 written to %s.inbox/%d/", app, home)) ||
			!strings.Contains(r.stdout, "act set by ada: by hand  acted") || !strings.Contains(r.stdout, "then      running") {
			t.Errorf("set: %+v", r)
		}
		for where, want := range map[string]int{`tries == 2 && "parcel" in steps`: 1, `status == "paused"`: 0, `vars.order.id == "o-1"`: 1, `tries > 5`: 0} {
			if got := lines(t, rondo(t, "instances", "list", "--json", "--where", where)); len(got) != want {
				t.Errorf("where %s: %v", where, got)
			}
		}
		if r := rondo(t, "instances", "list", "--where", "trys == 2"); r.code != exitUsage || !strings.Contains(r.stderr, "`trys` is not a variable") {
			t.Errorf("a wrong name in --where: %+v", r)
		}
		if r := rondo(t, append([]string{"act", "resume"}, instance...)...); r.code != exitFailed || !strings.Contains(r.stderr, "is not paused (running) (act-refused)") {
			t.Errorf("resume of a running instance: %+v", r)
		}
		if r := rondo(t, append([]string{"act", "pause"}, instance...)...); r.code != exitDone || !strings.Contains(r.stdout, "then      paused") {
			t.Errorf("pause: %+v", r)
		}
		again := rondo(t, append([]string{"act", "pause", "-o", "json"}, instance...)...)
		var report actReport
		if err := json.Unmarshal([]byte(again.stdout), &report); err != nil || again.code != exitFailed || report.Outcome != outcomeRefused || report.Why == "" {
			t.Errorf("pause once more, as JSON: %v %+v", err, again)
		}
		shown := lines(t, rondo(t, append([]string{"instances", "show", "--json"}, instance...)...))[0]
		if shown["status"] != "paused" || fmt.Sprint(shown["vars"]) != "map[order:map[id:o-1 type:Ordered] tries:2]" {
			t.Errorf("show: %v", shown)
		}
		history := lines(t, rondo(t, append([]string{"history", "--json", "--app", app, "--brokers", strings.Join(cluster.Addrs, ",")}, instance...)...))
		var told []string
		for _, h := range history {
			told = append(told, fmt.Sprint(h["outcome"]))
		}
		if text := strings.Join(told, " "); text != "started acted dead acted dead" {
			t.Errorf("history: %s", text)
		}
		if r := rondo(t, append([]string{"history"}, instance...)...); !strings.Contains(r.stdout, "Ordered "+app+".orders/") || !strings.Contains(r.stdout, "command   Send to "+app+".commands, attempt 1, id ") {
			t.Errorf("history as text: %+v", r)
		}
	})
}

func TestAnActThatCannotBeDoneIsSaidAndChangesNothing(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app, _ := withNode(t, cluster)
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"act", exitUsage, "rondo: rondo act needs a KIND, such as pause: see rondo act --help"},
		{"act cancle --workflow parcel --key o-1", exitUsage, "rondo: there is no act cancle: did you mean cancel?"},
		{"act cancel --key o-1", exitUsage, "rondo: rondo act needs an instance: WORKFLOW/KEY, or --workflow and --key"},
		{"act pause parcel", exitUsage, "rondo: rondo act needs an instance: WORKFLOW/KEY, or --workflow and --key"},
		{"act pause parcel/o-1 parcel/o-2", exitUsage, "rondo: rondo act takes one instance, and got parcel/o-2 as well: see rondo act --help"},
		{"act pause parcel/o-1 --key o-1", exitUsage, "rondo: parcel/o-1 and --workflow or --key do not go together"},
		{"act cancel parcel/no/body", exitFailed, "rondo: refused: there is no instance parcel/no/body to cancel (no-instance)"},
		{"act jump parcel/o-1 --step parsel", exitFailed, "rondo: parcel version 1 has no step parsel: did you mean parcel?"},
		{"act jump parcel/o-1 --step zzz", exitFailed, "rondo: parcel version 1 has no step zzz: its steps are weigh, parcel"},
		{"act jump parcel/nobody --step parcel", exitFailed, "rondo: there is no instance parcel/nobody: it never began, or ended and is kept no more"},
		{"act jump --workflow parcel --key o-1", exitUsage, "rondo: jump needs the step to go to: --step NAME"},
		{"act set --workflow parcel --key o-1 --data 3", exitUsage, "rondo: set needs the variables as --data, such as --data '{\"card\":\"c-2\"}'"},
		{`act set parcel/o-1 --data {"trise":2}`, exitFailed, `rondo: parcel version 1 has no variable "trise": did you mean tries?`},
		{`act set parcel/o-1 --data {"x":2}`, exitFailed, `rondo: parcel version 1 has no variable "x": those of its workflow are order, tries`},
		{"act migrate parcel/o-1 --to 7", exitFailed, "rondo: version 7 of parcel is not deployed: there is 1"},
		{"act pause --workflow parcel --key o-1 --shift", exitUsage, "rondo: --shift belongs to resume"},
		{"act cancel --workflow parsel --key o-1", exitFailed, "rondo: no workflow parsel is deployed: did you mean parcel?"},
		{"act cancel --workflow parcel --key nobody", exitFailed, "rondo: refused: there is no instance parcel/nobody to cancel (no-instance)"},
		{"instances show parcel/nobody", exitFailed, "rondo: there is no instance parcel/nobody: it never began, or ended and is kept no more; rondo history shows what is known"},
		{"history parcel/nobody", exitFailed, "rondo: the history knows nothing of parcel/nobody: rondo instances list shows what there is"},
		{"instances list --status runing", exitUsage, "rondo: --status runing is not known: choose one of expected, running, compensating, paused, incident, completed, failed, cancelled, terminated"},
		{"act pause parcel/o-1 --app elsewhere", exitFailed, "rondo: no workflow is deployed in application elsewhere"},
		{"history parcel/o-1 --app elsewhere", exitTopics, "rondo: topic elsewhere.inbox does not exist: is this the right application? rondo topics plan shows what there is"},
		{"instances list --app elsewhere", exitTopics, "rondo: read topic elsewhere.changelog: topic elsewhere.changelog does not exist: is this the right application? rondo topics plan shows what there is"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			rondo(t, strings.Fields(tc.args)...).want(t, tc.code, tc.want)
		})
	}
	if got := lines(t, rondo(t, "dlq", "list", "--json", "--topic", app+".inbox")); len(got) != 2 || got[0]["reason"] != "no-instance" {
		t.Errorf("dead letters of acts: %v", got)
	}
}

func TestAnActThatNobodyDecidesStaysInTheInbox(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	application(t, cluster)
	appendTo(t, "rondo.yaml", "definitions: parcel.yaml\n")
	if r := rondo(t, "topics", "apply", "--yes"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	if r := rondo(t, "deploy", "parcel.yaml"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	r := rondo(t, "act", "pause", "--workflow", "parcel", "--key", "o-1", "--timeout", "300ms")
	if r.code != exitFailed || !strings.Contains(r.stderr, "nobody has decided on it within 300ms: it stays in the inbox") {
		t.Errorf("%+v", r)
	}
	if r := rondo(t, "act", "pause", "--workflow", "parcel", "--key", "o-1", "--wait=false"); r.code != exitDone {
		t.Errorf("%+v", r)
	}
}

func TestDeadLettersAreListedAndReplayed(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		app, client := withNode(t, cluster)
		bad := &kgo.Record{
			Topic: app + ".orders", Partition: 1, Key: []byte("k"), Value: []byte(`{"type":"Ordered"}`),
			Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("t-1")}},
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := client.ProduceSync(ctx, bad).FirstErr(); err != nil {
			t.Fatal(err)
		}
		letters := func(n int) []map[string]any {
			for {
				if got := lines(t, rondo(t, "dlq", "list", "--json", "--reason", "no-key")); len(got) >= n || ctx.Err() != nil {
					return got
				}
			}
		}
		first := letters(1)
		if len(first) != 1 || first[0]["source"] != fmt.Sprintf("%s.orders/1/%d", app, bad.Offset) || first[0]["replayed"] != nil {
			t.Fatalf("dead letters: %v", first)
		}
		if r := rondo(t, "dlq", "replay"); r.code != exitUsage {
			t.Errorf("replay of who knows what: %+v", r)
		}
		if r := rondo(t, "dlq", "replay", "0/99"); r.code != exitUsage || !strings.Contains(r.stderr, "there is no dead letter 0/99") {
			t.Errorf("replay of one that is not there: %+v", r)
		}
		letter := fmt.Sprint(first[0]["letter"])
		r := rondo(t, "dlq", "replay", letter)
		if r.code != exitDone || !strings.HasPrefix(r.stdout, letter+" replayed to "+app+".orders/1/") || !strings.HasSuffix(r.stdout, "1 replayed, 0 not\n") {
			t.Fatalf("replay: %+v", r)
		}
		if r := rondo(t, "dlq", "replay", letter); r.code != exitDone || r.stdout != "1 replayed before, 0 replayed, 0 not\n" || !strings.Contains(r.stderr, letter+" was replayed before, at ") {
			t.Errorf("the same again: %+v", r)
		}
		second := letters(2) // it cannot be used now either, and says what it was
		if len(second) != 2 || second[1]["replayed"] != letter || second[0]["replayed_at"] == nil || second[1]["replayed_at"] != nil {
			t.Fatalf("after the replay: %v", second)
		}
		checkReplayed(t, cluster, app, letter)
	})
}

// TestAReplayIsConsideredByThoseWhoRefusedTheRecord replays, twice, the dead letters
// that two workflows have made of one record.
func TestAReplayIsConsideredByThoseWhoRefusedTheRecord(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		app, client := withNode(t, cluster)
		write(t, "twin.yaml", strings.NewReplacer("workflow: parcel", "workflow: twin", "topic: parcel", "topic: "+app).Replace(patientFile))
		if r := rondo(t, "deploy", "twin.yaml"); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
		lettersOf := func(key string, n int) map[string]int {
			t.Helper()
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: app + ".orders", Partition: 1, Key: []byte(key), Value: []byte(`{"type":"Ordered"}`)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			return awaitLetters(t, key, n)
		}
		for deadline := time.Now().Add(time.Minute); len(lettersOf("before", 1)) < 2; { // the node knows both
			if time.Now().After(deadline) {
				t.Fatal("the node does not take up twin")
			}
		}
		lettersOf("k", 2)
		dry := rondo(t, "dlq", "replay", "--dry-run", "--reason", "no-key", "--workflow", "twin")
		if dry.code != exitDone || !strings.HasSuffix(dry.stdout, " would be replayed, 0 replayed before, 0 that cannot be: no record had come\n") {
			t.Errorf("dry run: %+v", dry)
		}
		for round := range 2 {
			var open []string
			for _, l := range lines(t, rondo(t, "dlq", "list", "--json")) {
				if l["key"] == "k" && l["replayed_at"] == nil {
					open = append(open, fmt.Sprint(l["letter"]))
				}
			}
			if r := rondo(t, append([]string{"dlq", "replay"}, open...)...); r.code != exitDone || !strings.HasSuffix(r.stdout, "2 replayed, 0 not\n") {
				t.Fatalf("replay: %+v", r)
			}
			lettersOf(fmt.Sprint("behind-", round), 2) // so all replays were considered
			if got := awaitLetters(t, "k", 2*(round+2)); got["parcel"] != round+2 || got["twin"] != round+2 {
				t.Errorf("dead letters after replay %d: %v", round+1, got)
			}
		}
	})
}

// awaitLetters waits for n dead letters of records with a key, and counts them by
// their workflow.
func awaitLetters(t *testing.T, key string, n int) map[string]int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		got, sum := map[string]int{}, 0
		for _, l := range lines(t, rondo(t, "dlq", "list", "--json")) {
			if l["key"] == key {
				got[fmt.Sprint(l["workflow"])]++
				sum++
			}
		}
		if sum >= n {
			return got
		}
	}
	t.Fatalf("%d dead letters of %s do not come", n, key)
	return nil
}

// checkReplayed compares the record that was replayed with what it was.
func checkReplayed(t *testing.T, cluster *kafkatest.Cluster, app, letter string) {
	t.Helper()
	reader := cluster.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{app + ".orders": {1: kgo.NewOffset().AtStart()}}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range reader.PollFetches(ctx).Records() {
			var headers []string
			for _, h := range r.Headers {
				headers = append(headers, h.Key+"="+string(h.Value))
			}
			if text := strings.Join(headers, " "); text == "trace=t-1 rondo-replay="+letter+" rondo-replay-for="+app+".orders "+app+"/parcel" && string(r.Key) == "k" && string(r.Value) == `{"type":"Ordered"}` {
				return
			}
		}
	}
	t.Error("the replayed record is not what it was")
}

func TestOperatorsPageNamesTheHeadersOfDeadLetters(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{processor.HeaderDeadReason, processor.HeaderDeadTopic, processor.HeaderReplay, processor.HeaderReplayFor} {
		if !strings.Contains(string(page), name) {
			t.Errorf("docs/operations.md does not name %s", name)
		}
	}
}

func TestAnActThatEndsInAnIncidentSaysSo(t *testing.T) {
	entry := audit.Entry{History: schemas.History{Outcome: topology.Acted, Fault: &topology.Fault{Kind: "expression", Text: "division by zero"}}}
	report, err := reportOf(operate.Result{Outcome: &audit.Outcome{Decision: &entry}}, time.Second)
	if err != nil || report.Outcome != outcomeFault {
		t.Fatalf("%v: %+v", err, report)
	}
	var out strings.Builder
	err = acting{stdout: &out}.tell(report)
	if err == nil || err.Error() != "the instance stands still: expression: division by zero" || !strings.Contains(out.String(), "division by zero") {
		t.Errorf("%v after %s", err, out.String())
	}
}

// TestAnActOnAnIncidentSaysWhatCameOfIt is about incidents of events, which an act
// has decided again: what is told is still the act's own record.
func TestAnActOnAnIncidentSaysWhatCameOfIt(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app, client := withNode(t, cluster)
	var orders []*kgo.Record
	for _, key := range []string{"o-2", "o-3", "o-4"} {
		orders = append(orders, &kgo.Record{Topic: app + ".orders", Key: []byte(key), Value: []byte(`{"type":"Ordered","id":"` + key + `","grams":"many"}`)})
	}
	if err := client.ProduceSync(t.Context(), orders...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(lines(t, rondo(t, "instances", "list", "--json", "--status", "incident"))) < len(orders); {
		if time.Now().After(deadline) {
			t.Fatal("the incidents do not come")
		}
	}
	for _, tc := range []struct {
		args []string
		code int
		want actReport
	}{
		{[]string{"retry", "parcel/o-2"}, exitFailed, actReport{Outcome: outcomeFault, Why: "expression: "}},
		{[]string{"set", "parcel/o-2", "--data", `{"tries": 1}`}, exitFailed, actReport{Outcome: outcomeRefused, Why: "the instance parcel/o-2 has not begun, and its "}},
		{[]string{"skip", "parcel/o-3"}, exitDone, actReport{Outcome: outcomeDone}},
		{[]string{"fail", "parcel/o-4", "--data", `"too-heavy"`}, exitDone, actReport{Outcome: outcomeDone}},
	} {
		r := rondo(t, append([]string{"act", "-o", "json"}, tc.args...)...)
		var got actReport
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
			t.Fatalf("%v: %v %+v", tc.args, err, r)
		}
		if r.code != tc.code || got.Outcome != tc.want.Outcome || !strings.HasPrefix(got.Why, tc.want.Why) || got.Decision == nil || got.Decision.Input.Record != got.Record {
			t.Errorf("%v: exit code %d, %s", tc.args, r.code, r.stdout)
		}
	}
}

func TestGoldenHelpOfTheOperatorsCommands(t *testing.T) {
	for _, command := range []string{"instances", "instances list", "instances show", "history", "act", "dlq", "dlq list", "dlq replay", "migrate"} {
		r := rondo(t, append(strings.Fields(command), "--help")...)
		if r.code != exitDone || r.stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", command, r.code, r.stderr)
		}
		fitsTerminals(t, r.stdout)
		golden(t, "help/rondo-"+strings.ReplaceAll(command, " ", "-")+".txt", r.stdout)
	}
}

// TestABatchOfMigrationsSaysWhatBecameOfEach is about one instance that can move,
// one that a limit leaves behind, and acts on which nobody decides.
func TestABatchOfMigrationsSaysWhatBecameOfEach(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	app, client := withNode(t, cluster)
	second := &kgo.Record{Topic: app + ".orders", Key: []byte("o-2"), Value: []byte(`{"type":"Ordered","id":"o-2"}`)}
	if err := client.ProduceSync(t.Context(), second).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(lines(t, rondo(t, "instances", "list", "--json"))) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the second instance does not begin")
		}
	}
	write(t, "next.yaml", strings.NewReplacer("version: 1", "version: 2\nmigrate: {from: 1, steps: {parcel: packet}}", "- parcel:", "- packet:").Replace(read(t, "parcel.yaml")))
	if r := rondo(t, "deploy", "next.yaml"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	migrate := func(code int, args ...string) (out migrationReport) {
		t.Helper()
		r := rondo(t, append([]string{"migrate", "parcel", "--to", "2", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(r.stdout), &out); err != nil || r.code != code {
			t.Fatalf("%v: %+v", err, r)
		}
		return out
	}
	if got := migrate(exitDone, "--dry-run"); got.Acts != nil || got.Counts != (migrationCounts{Mapped: 2}) || fmt.Sprint(got.Instances[0].Stays) != "[{parcel packet}]" {
		t.Errorf("dry run: %+v", got)
	}
	if got := migrate(exitDone, "--limit", "1"); *got.Acts != (actCounts{Written: 1, Moved: 1}) || got.Instances[0].Outcome != actMoved || got.Instances[1].Outcome != "" {
		t.Errorf("one of two: %+v", got)
	}
	if got := migrate(exitDone, "--wait=false", "--status", "paused"); got.Acts.Written != 0 || len(got.Instances) != 0 {
		t.Errorf("the paused ones: %+v", got)
	}
	if got := migrate(exitDone); got.Counts != (migrationCounts{Mapped: 1, Already: 1}) || *got.Acts != (actCounts{Written: 1, Moved: 1}) {
		t.Errorf("the rest: %+v", got)
	}
}

func TestWhatBecameOfActsIsCounted(t *testing.T) {
	report := &migrationReport{Workflow: "w", To: "2", Instances: []migratedInstance{{Key: "a"}, {Key: "b"}}, Acts: &actCounts{Written: 2}}
	order := func(key string) operate.Order { return operate.Order{Workflow: "w", Key: key} }
	results := []operate.Result{{Order: order("a")}, {Order: order("b"), Outcome: &audit.Outcome{Dead: &audit.DeadLetter{Reason: "act-refused", Text: "it stands elsewhere"}}}}
	for n, key := range []string{"a", "b"} {
		report.note(&report.Instances[n], results[n], key == "c")
	}
	var out strings.Builder
	if err := report.writeActs(&out); err != nil || report.clean() {
		t.Errorf("%v: %+v", err, report)
	}
	if want := "  a  outstanding  \n  b  refused      it stands elsewhere (act-refused)\n0 moved, 1 refused, 1 outstanding\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	report.Acts = &actCounts{}
	report.note(&report.Instances[1], results[1], true) // somebody else has moved it
	if report.Acts.Moved != 1 || report.Instances[1].Outcome != actMoved {
		t.Errorf("%+v", report)
	}
}

func TestDevSaysWhatFitsNoMessage(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile})
	d := start(t, "dev", ".", "--port", "0", "--http", "127.0.0.1:0")
	d.eventually(t, "the node is ready", func() bool {
		address := httpAddress.FindString(d.stderr.String())
		return address != "" && ready(address)
	})
	_, rest, _ := strings.Cut(d.stderr.String(), "broker ")
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "parcel.orders", Value: []byte(`{"type":"Orderd","id":"o-1"}`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, "the slip is named", func() bool {
		return strings.Contains(d.stderr.String(), "no message fits type Orderd on topic parcel.orders: did you mean Ordered?")
	})
	d.end(t)
}

func TestDevSaysWhatIsNotThere(t *testing.T) {
	dir := folder(t, map[string]string{"rondo.yaml": "app: shop\nbrokers: [localhost:9092]\n"})
	d := start(t, "dev", ".", "--port", "0", "--http", "127.0.0.1:0")
	d.eventually(t, "the folder is empty", func() bool {
		return strings.Contains(d.stdout.String(), "there is no workflow file (*.yaml) in . yet: rondo init writes one\n")
	})
	d.eventually(t, "the application has the configuration's name", func() bool {
		return strings.Contains(d.stderr.String(), "\n  rondo instances list --app shop --brokers 127.0.0.1:")
	})
	says := func(want string) {
		t.Helper()
		d.eventually(t, "it says: "+want, func() bool { return strings.Contains(d.stdout.String(), want+"\n") })
	}
	write(t, dir+"/rondo.yaml", "app: shop\nbrokers: [localhost:9093]\n")
	says("rondo.yaml has changed: nothing to do, for rondo dev takes only app from it")
	write(t, dir+"/rondo.yaml", "app: store\nbrokers: [localhost:9093]\n")
	says("rondo.yaml has changed: restart rondo dev to use app store in place of shop")
	write(t, dir+"/rondo.yaml", "ap: store\n")
	says("rondo.yaml is wrong now: rondo topics plan says what; the application stays shop")
	write(t, dir+"/parcel.yaml", strings.Replace(parcelFile, "version: 1", "version: 2", 1))
	says("parcel version 2 is in force (parcel.yaml)")
	write(t, dir+"/parcel.yaml", parcelFile)
	says("parcel version 1 is published (parcel.yaml), but new instances begin with version 2, which is newer: give the file a version above it")
	write(t, dir+"/parcel.yaml", strings.Replace(parcelFile, "workflow: parcel", "workflow: post", 1))
	says("parcel.yaml holds post now: parcel version 1 stays in force beside it until the folder .rondo is removed")
	says("post version 1 is in force (parcel.yaml)")
	write(t, dir+"/parcel.yaml", parcelFile)
	says("parcel.yaml holds parcel now: post version 1 stays in force beside it until the folder .rondo is removed")
	if err := os.Remove(dir + "/parcel.yaml"); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, "the file is gone", func() bool {
		return strings.Contains(d.stdout.String(), "parcel.yaml is gone: parcel version 1 stays in force until the folder .rondo is removed\n")
	})
	if n := strings.Count(d.stdout.String(), "no workflow file"); n != 2 {
		t.Errorf("the empty folder is told of %d times: %s", n, d.stdout.String())
	}
	other := rondo(t, "dev", "--port", "0", "--data", "other", "--http", strings.TrimPrefix(httpAddress.FindString(d.stderr.String()), "http://"))
	if other.code != exitUsage || !strings.HasSuffix(other.stderr, "is in use by another program, perhaps another rondo dev: choose another address with --http, or --http off\n") {
		t.Errorf("%+v", other)
	}
	same := rondo(t, "dev", "--port", "0")
	if same.code != exitUsage || !strings.Contains(same.stderr, "folder .rondo/broker, by process ") ||
		!strings.HasSuffix(same.stderr, "stop that one; or, to run beside it, --data OTHER-FOLDER --port 0 --http 127.0.0.1:0\n") {
		t.Errorf("a second one on the same folder: %+v", same)
	}
	d.end(t)
}

func TestHintsNameTheConfigurationThatWasGiven(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	application(t, cluster)
	if err := os.Rename("rondo.yaml", "other.yaml"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, "other.yaml", "definitions: parcel.yaml\n")
	for command, want := range map[string]string{
		"deploy parcel.yaml":      "rondo topics apply --config other.yaml parcel.yaml",
		"serve --log-level error": "rondo topics apply --config other.yaml",
		"topics plan":             "rondo topics apply --config other.yaml",
	} {
		r := rondo(t, append(strings.Fields(command), "--config", "other.yaml")...)
		if r.code != exitTopics || !strings.Contains(r.stdout+r.stderr, want+"\n") {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

func TestMigrateSaysWhoCanMove(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	withNode(t, cluster)
	deploy := func(version int, change ...string) {
		t.Helper()
		text := strings.NewReplacer(append(change, "version: 1", fmt.Sprintf("version: %d\nmigrate: {from: 1}", version))...).Replace(read(t, "parcel.yaml"))
		name := fmt.Sprintf("parcel%d.yaml", version)
		write(t, name, text)
		if r := rondo(t, "deploy", name); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
	}
	deploy(2)
	deploy(3, "- parcel:", "- packet:")
	if r := rondo(t, "migrate", "parcel", "--to", "2", "--dry-run"); r.code != exitDone || r.stdout != "parcel, 1 living instance to version 2:\n\n  kept  1  parcel  o-1\n\n1 kept, 0 mapped, 0 afresh, 0 refused\n" {
		t.Errorf("to version 2: %+v", r)
	}
	r := rondo(t, "migrate", "parcel", "--to", "3", "--where", `"parcel" in steps`)
	if r.code != exitFailed || !strings.Contains(r.stdout, "  refused  1  stands at parcel, and version 3 has no step parcel: map it in migrate.steps  o-1\n\n0 kept, 0 mapped, 0 afresh, 1 refused\n") {
		t.Errorf("to version 3: %+v", r)
	}
	for args, want := range map[string]string{
		"migrate parcel --to 9":                "rondo: version 9 of parcel is not deployed: there are 1, 2, 3",
		"migrate parsel --to 2":                "rondo: no workflow parsel is deployed: did you mean parcel?",
		"migrate parcel":                       "rondo: rondo migrate needs the version to move to: --to N",
		"migrate":                              "rondo: rondo migrate needs one WORKFLOW: see rondo migrate --help",
		"migrate parcel --to 2 --where nokey1": "rondo: --where: column 1: `nokey1` is not a variable",
	} {
		if r := rondo(t, strings.Fields(args)...); r.code == exitDone || !strings.HasPrefix(r.stderr, want) {
			t.Errorf("%s: %+v", args, r)
		}
	}
	write(t, "next.yaml", strings.Replace(read(t, "parcel.yaml"), "version: 1", "version: 4\nmigrate: {from: 1}", 1))
	rondo(t, "check", "next.yaml", "--app", "x").want(t, exitUsage, "rondo: --app and --brokers belong to --live")
	if r := rondo(t, "check", "next.yaml", "--live", "--brokers", strings.Join(cluster.Addrs, ",")); r.code != exitDone || !strings.Contains(r.stdout, "\nparcel, 1 living instance to version 4:\n\n  kept  1  parcel  o-1\n") {
		t.Errorf("check --live: %+v", r)
	}
	if r := rondo(t, "check", "parcel3.yaml", "--live"); r.code != exitFailed || !strings.Contains(r.stdout, "refused  1  stands at parcel") {
		t.Errorf("check --live of a version without the step: %+v", r)
	}
	var live struct{ Live []migrationReport }
	if r := rondo(t, "check", "parcel3.yaml", "--live", "-o", "json"); r.code != exitFailed || json.Unmarshal([]byte(r.stdout), &live) != nil || len(live.Live) != 1 ||
		live.Live[0].Counts != (migrationCounts{Refused: 1}) || live.Live[0].Instances[0].Fate != topology.FateRefused {
		t.Errorf("check --live as JSON: %+v", r)
	}
	move := func(to string) result {
		return rondo(t, "act", "migrate", "--workflow", "parcel", "--key", "o-1", "--to", to)
	}
	if r := move("9"); r.code != exitFailed || !strings.Contains(r.stderr, "rondo: version 9 of parcel is not deployed: there are 1, 2, 3") {
		t.Errorf("to a version that is not there: %+v", r)
	}
	if r := move("3"); r.code != exitFailed || !strings.Contains(r.stderr, "version 3 has no step parcel") {
		t.Errorf("to a version without the step: %+v", r)
	}
	if r := rondo(t, "migrate", "parcel", "--to", "2", "--key", "o-1", "--reason", "test"); r.code != exitDone || !strings.HasSuffix(r.stdout, "1 act written\n1 moved, 0 refused, 0 outstanding\n") {
		t.Errorf("%+v", r)
	}
	again := rondo(t, "migrate", "parcel", "--to", "2")
	if again.code != exitDone || again.stdout != "parcel, 0 living instances to version 2:\n\n0 kept, 0 mapped, 0 afresh, 0 refused; 1 had version 2 already\n" {
		t.Errorf("the batch once more: %+v", again)
	}
	if r := move("2"); r.code != exitFailed || !strings.Contains(r.stderr, "has version 2 already") {
		t.Errorf("once more: %+v", r)
	}
	if shown := lines(t, rondo(t, "instances", "list", "--json")); len(shown) != 1 || shown[0]["version"] != "2" {
		t.Errorf("after the move: %v", shown)
	}
}

func TestAnEmptyListIsASentenceBesideTheOutput(t *testing.T) {
	var out, side strings.Builder
	for _, asJSON := range []bool{false, true} {
		if err := errors.Join(showInstances(&out, &side, asJSON, nil), showLetters(&out, &side, asJSON, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "" || side.String() != "no instances\nno dead letters\n" {
		t.Errorf("stdout %q, stderr %q", out.String(), side.String())
	}
}
