package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

// around is what the files of these tests may refer to.
func around() Surroundings {
	env := map[string]string{"KAFKA_PASSWORD": "hunter2", "BROKERS": "a:9092, b:9092"}
	files := map[string]string{"/run/secrets/registry": "s3cret\n", "etc/password": "relative"}
	return Surroundings{
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
		},
	}
}

func mustParse(t *testing.T, src string) *File {
	t.Helper()
	f, list := Parse("etc/rondo.yaml", []byte(src), around())
	for _, d := range list {
		t.Error(d)
	}
	return f
}

func TestTheSmallestFileHasAllDefaults(t *testing.T) {
	f := mustParse(t, "app: shop\nbrokers: [localhost:9092]\n")
	n := f.Node
	if n.Partitions != 8 || n.Replication != 3 || n.SessionTimeout != 10*time.Second ||
		n.TransactionTimeout != 10*time.Second || n.HistoryPayload != 16<<10 {
		t.Errorf("defaults: %+v", n)
	}
	if n.DataDir != "etc/rondo-data" {
		t.Errorf("data-dir is %q: not in the folder of the file", n.DataDir)
	}
	if f.Listen != "127.0.0.1:7070" || n.TLS != nil || n.SASL != nil || n.Registry != nil {
		t.Errorf("defaults: %+v", f)
	}
}

func TestTheWholeFileOfTheReferenceIsRead(t *testing.T) {
	f := mustParse(t, wholeFile)
	n := f.Node
	if n.App != "shop" || len(n.Brokers) != 3 || n.Partitions != 32 || n.DataDir != "/var/lib/rondo" {
		t.Errorf("application: %+v", n)
	}
	if n.TLS.CA != "/etc/rondo/ca.pem" || n.SASL.User != "rondo" || n.SASL.Password.Reveal() != "hunter2" {
		t.Errorf("access: %+v %+v", n.TLS, n.SASL)
	}
	if n.Registry.URL != "https://schemas:8081" || n.Registry.Password.Reveal() != "s3cret" {
		t.Errorf("registry: %+v", n.Registry)
	}
	if !n.Sources["shop.orders"].From.Earliest() || !n.Sources["plant.readings"].UnmatchedDead {
		t.Errorf("sources: %+v", n.Sources)
	}
	if f.Definitions[0] != "/etc/rondo/workflows" || f.Listen != "0.0.0.0:7070" {
		t.Errorf("file: %+v", f)
	}
}

func TestValuesHaveTheirForms(t *testing.T) {
	f := mustParse(t, strings.Join([]string{
		"app: shop",
		"brokers: ${env:BROKERS}",
		"definitions: workflows",
		"history: {payload: none}",
		"http: {listen: off}",
		"session-timeout: 1m30s",
		"tls: {}",
		"sasl: {mechanism: plain, user: u, password: '${file:password}'}",
		"sources: {plant.readings: {from: 2026-11-24T06:00:00Z}, empty: {}}",
	}, "\n"))
	n := f.Node
	if strings.Join(n.Brokers, "|") != "a:9092|b:9092" || f.Definitions[0] != "etc/workflows" || f.Listen != "" {
		t.Errorf("file: %+v", f)
	}
	if n.HistoryPayload != processor.NoHistoryPayload || n.SessionTimeout != 90*time.Second || n.TLS == nil {
		t.Errorf("node: %+v", n)
	}
	if n.SASL.Password.Reveal() != "relative" {
		t.Errorf("the password is not read from the folder of the file: %q", n.SASL.Password.Reveal())
	}
	at, ok := n.Sources["plant.readings"].From.Time()
	if !ok || !at.Equal(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)) || len(n.Sources) != 2 {
		t.Errorf("sources: %+v", n.Sources)
	}
}

func TestLimitsAreSet(t *testing.T) {
	f := mustParse(t, min2+"limits: {held: 7, command: 1MiB, timer-ahead: 48h}\n")
	want := topology.Limits{Held: 7, Command: 1 << 20, TimerAhead: 48 * time.Hour}
	if f.Node.Limits != want || f.Node.PlanOptions().Limits != want {
		t.Errorf("limits: %+v", f.Node.Limits)
	}
}

// Each limit of an instance has a setting, but for what Parse decides.
func TestEveryLimitHasASetting(t *testing.T) {
	set := &File{}
	r := &reader{out: set}
	for _, k := range limitKeys() {
		value := map[string]string{"size": "3KiB", "whole number": "3", "duration": "3h"}[k.Kind]
		k.read(r, strings.Split(k.Path, "."), &yaml.Node{Kind: yaml.ScalarNode, Value: value})
	}
	limits := reflect.ValueOf(set.Node.Limits)
	for i := range limits.NumField() {
		if limits.Field(i).IsZero() {
			t.Errorf("%s has no setting", limits.Type().Field(i).Name)
		}
	}
}

func TestHTTPIsSwitchedOffByOneWord(t *testing.T) {
	if f := mustParse(t, "app: shop\nbrokers: a:9092\nhttp: {profiles: on}\n"); !f.Profiles || f.Listen != DefaultListen {
		t.Errorf("profiles %t on %q", f.Profiles, f.Listen)
	}
	if f := mustParse(t, "app: shop\nbrokers: a:9092\nhttp: off\n"); f.Listen != "" {
		t.Errorf("it listens on %q", f.Listen)
	}
}

func TestEverythingWrongIsReportedAtOnceWithItsPlace(t *testing.T) {
	for _, tc := range []struct {
		name string
		src  string
		want []string // file:line:column: severity[code]: message, then "  help"
	}{
		{"an empty file", "", []string{
			"r.yaml:1:1: error[config-missing]: app: is missing: give the application a name, such as shop",
			"r.yaml:1:1: error[config-missing]: brokers: is missing: give the address of at least one broker, such as localhost:9092",
		}},
		{"a misspelt key, and more", "app: shop\nbroker: [localhost:9092]\npartitions: 0\nsesion-timeout: 5s\n", []string{
			"r.yaml:1:1: error[config-missing]: brokers: is missing: give the address of at least one broker, such as localhost:9092",
			"r.yaml:2:1: error[config-unknown-key]: broker is not a key of the configuration",
			"  did you mean brokers?",
			`r.yaml:3:13: error[config-value]: "0" is not a whole number above 0`,
			"r.yaml:4:1: error[config-unknown-key]: sesion-timeout is not a key of the configuration",
			"  did you mean session-timeout?",
		}},
		{"limits that cannot be", min2 + "limits: {hold: 7, command: none, record: 4MiB}\n", []string{
			"r.yaml:3:10: error[config-unknown-key]: limits.hold is not a key of the configuration",
			"  did you mean held?",
			`r.yaml:3:28: error[config-value]: "none" is not a size above 0`,
			"  write it as 16KiB, 1MiB or 4096",
			"r.yaml:3:34: error[config-value]: limits.record: is 4194304 bytes: choose up to 3 MiB, so that it fits into a record of the changelog",
		}},
		{"a key in the wrong place", min2 + "sasl: {mechanisme: plain}\n", []string{
			`r.yaml:3:1: error[config-missing]: sasl.mechanism: "" is not known: choose one of plain, scram-sha-256, scram-sha-512`,
			"r.yaml:3:1: error[config-missing]: sasl.user: is missing: give the name to log in with",
			"r.yaml:3:1: error[config-missing]: sasl.password: is missing or empty: name where it is kept, as ${env:NAME} or ${file:PATH}",
			"r.yaml:3:8: error[config-unknown-key]: sasl.mechanisme is not a key of the configuration",
			"  did you mean mechanism?",
		}},
		{"a password in the file", min2 + "sasl: {mechanism: plain, user: u, password: hunter2}\n", []string{
			"r.yaml:3:45: error[config-secret]: sasl.password is written into the file",
			"  name where it is kept instead: ${env:NAME} for a variable of the environment, ${file:PATH} for a file",
		}},
		{"secrets that are not there", min2 + "sasl: {mechanism: plain, user: u, password: '${env:NOPE}'}\nregistry: {url: 'http://r', user: u, password: '${file:/nope}'}\n", []string{
			"r.yaml:3:45: error[config-value]: the variable NOPE of the environment is not set",
			"  set it, or use ${file:PATH}",
			"r.yaml:4:1: error[config-value]: registry: user and password belong together: give both or neither",
			"r.yaml:4:48: error[config-value]: ${file:/nope} cannot be read: open /nope: file does not exist",
		}},
		{"a time without a unit", min2 + "session-timeout: 30\ntransaction-timeout: soon\n", []string{
			`r.yaml:3:18: error[config-value]: "30" is a time without a unit`,
			"  write 30s for seconds, 30ms for milliseconds",
			`r.yaml:4:22: error[config-value]: "soon" is not a duration`,
			"  write it as 500ms, 10s or 1m30s",
		}},
		{"out of bounds", min2 + "session-timeout: 10ms\nreplication: 12\n", []string{
			"r.yaml:3:1: error[config-value]: session-timeout: is 10ms: choose between 1s and 30m; the broker's own bounds are 6s to 30m unless it was told otherwise",
			"r.yaml:4:1: error[config-value]: replication: is 12: choose between 1 and the number of brokers, 9 at most; 3 is usual",
		}},
		{"an address without a host", min2 + "http: {listen: ':7070'}\n", []string{
			`r.yaml:3:16: error[config-value]: ":7070" says no host: write 127.0.0.1:7070 to be seen by this machine only, or 0.0.0.0:7070 to be seen by all that reach it`,
		}},
		{"given twice", min2 + "app: other\n", []string{
			"r.yaml:3:1: error[config-duplicate-key]: app is given twice",
			"  remove one of them",
		}},
		{"no value", min2 + "replication:\n", []string{
			"r.yaml:3:1: error[config-value]: replication has no value",
			"  remove the key for the default (3), or write as in: replication: 3",
		}},
		{"an alias", "app: &a shop\nbrokers: [x:1]\n", []string{
			"r.yaml:1:6: error[config-value]: anchors and aliases are not used here",
			"  write the value where it belongs",
		}},
		{"not a mapping", "- app\n", []string{
			"r.yaml:1:1: error[config-value]: a configuration is a list of keys with values, such as app: shop",
		}},
		{"several documents", min2 + "---\napp: other\n", []string{
			"r.yaml:1:1: error[config-syntax]: this is not YAML: there are several documents (---) in the file, and only one is read",
		}},
		{"sources that say nothing", min2 + "sources:\n  shop.orders: {from: yesterday, unmatched: keep, form: latest}\n", []string{
			`r.yaml:4:23: error[config-value]: "yesterday" says no place: write latest, earliest, or a time such as 2026-11-24T06:00:00Z`,
			`r.yaml:4:45: error[config-value]: "keep" is not known`,
			"  choose skip or dead-letter",
			"r.yaml:4:51: error[config-unknown-key]: sources.shop.orders.form is not a key of the configuration",
			"  did you mean from?",
		}},
		{"a group that is a value", min2 + "tls: yes\nhttp:\n", []string{
			"r.yaml:3:6: error[config-value]: tls holds keys with values",
			"  one of ca, cert, key",
			"r.yaml:4:6: error[config-value]: http holds keys with values",
			"  one of listen, profiles",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, list := Parse("r.yaml", []byte(tc.src), around())
			var got []string
			for _, d := range list {
				got = append(got, d.String())
				if d.Help != "" {
					got = append(got, "  "+d.Help)
				}
			}
			if g, w := strings.Join(got, "\n"), strings.Join(tc.want, "\n"); g != w {
				t.Errorf("got:\n%s\nwant:\n%s", g, w)
			}
		})
	}
}

const min2 = "app: shop\nbrokers: [localhost:9092]\n"

func TestWhatIsNotYAMLIsSaidWithItsPlace(t *testing.T) {
	_, list := Parse("r.yaml", []byte("app: shop\nbrokers: [a:1\npartitions: 3\n"), around())
	if !list.HasErrors() || list[0].Code != CodeSyntax && list[len(list)-1].Code != CodeSyntax {
		t.Fatalf("no syntax error in %v", list)
	}
	for _, d := range list {
		if d.Code == CodeSyntax && d.Pos.Line < 2 {
			t.Errorf("the place is lost: %v", d)
		}
	}
}

func TestASecretIsNeverShown(t *testing.T) {
	f := mustParse(t, wholeFile)
	for _, shown := range []string{
		fmt.Sprintf("%v %+v %#v %s %q", f.Node, f.Node, f.Node, f.Node.SASL.Password, f.Node.Registry.Password),
		fmt.Sprintf("%v %+v %#v", *f.Node.SASL, *f.Node.SASL, *f.Node.Registry),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "s3cret") {
			t.Errorf("a secret shows in %s", shown)
		}
	}
}

func TestAnExcerptDoesNotCarryTheSecretThatItComplainsOf(t *testing.T) {
	in := around()
	in.ReadFile = func(string) ([]byte, error) {
		return []byte("app: ä\nsasl: {user: ü, password: hunter2, mechanism: plain}\nregistry:\n  password: 's3cret'\n"), nil
	}
	_, src, list, err := Load("r.yaml", in)
	if err != nil || !list.HasErrors() {
		t.Fatal(err, list)
	}
	text := string(src)
	if strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") || !strings.Contains(text, "sasl: {user: ü, password: ***") {
		t.Errorf("shown:\n%s", text)
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	for _, code := range Codes() {
		if len(Explain(code)) < 80 {
			t.Errorf("code %s is not explained", code)
		}
	}
}

func TestEveryKeySaysAllThatItMust(t *testing.T) {
	for _, k := range Keys() {
		if k.Meaning == "" || k.Kind == "" || k.Default == "" || k.Example == "" || k.read == nil {
			t.Errorf("%s: something is missing: %+v", k.Path, k)
		}
	}
}

func TestDocumentedDefaultsAreThoseInForce(t *testing.T) {
	n := processor.Config{}.WithDefaults()
	in := map[string]string{
		"partitions":          fmt.Sprint(n.Partitions),
		"replication":         fmt.Sprint(n.Replication),
		"data-dir":            n.DataDir,
		"session-timeout":     n.SessionTimeout.String(),
		"transaction-timeout": n.TransactionTimeout.String(),
		"history.payload":     fmt.Sprintf("%dKiB", n.HistoryPayload>>10),
		"http.listen":         DefaultListen,
	}
	for _, k := range Keys() {
		if want, ok := in[k.Path]; ok && k.Default != want {
			t.Errorf("%s: documented default %s, in force %s", k.Path, k.Default, want)
		}
	}
}

func TestExamplesOfTheReferenceAreRead(t *testing.T) {
	for _, k := range Keys() {
		_, list := Parse("r.yaml", []byte(k.Example), Surroundings{
			Getenv:   func(string) (string, bool) { return "x", true },
			ReadFile: func(string) ([]byte, error) { return []byte("x"), nil },
		})
		for _, d := range list {
			if d.Code != CodeMissing && !strings.Contains(d.Message, "belong together") {
				t.Errorf("%s: %s", k.Path, d)
			}
		}
	}
}

func TestReferencePageIsUpToDate(t *testing.T) {
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if string(have) != Reference() {
		t.Error("docs/configuration.md is not what the keys say: run go test ./internal/config -update")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(wholeFile))
	f.Add([]byte("app: [\nbrokers: {a: &x b, c: *x}"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, list := Parse("r.yaml", src, around())
		if file == nil {
			t.Fatal("no file")
		}
		for _, d := range list {
			if d.Pos.IsZero() || d.Message == "" || d.Severity != diag.Error {
				t.Errorf("a finding without place or words: %+v", d)
			}
		}
	})
}
