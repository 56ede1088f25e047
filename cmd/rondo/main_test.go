package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"rondo/internal/kafkatest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testdata is where the golden files are, whatever folder a test works in.
var testdata string

func TestMain(m *testing.M) {
	var err error
	if testdata, err = filepath.Abs("testdata"); err != nil {
		panic(err)
	}
	os.Exit(kafkatest.Main(m))
}

// result is what one run of the program leaves behind.
type result struct {
	code           int
	stdout, stderr string
}

// rondo runs the program as main does.
func rondo(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out, err bytes.Buffer
	code := run(ctx, args, &out, &err)
	return result{code, out.String(), err.String()}
}

func (r result) want(t *testing.T, code int, stderr string) {
	t.Helper()
	if r.code != code || strings.TrimSpace(r.stderr) != stderr {
		t.Errorf("exit code %d, want %d\nstderr: %s\nwant:   %s\nstdout: %s", r.code, code, r.stderr, stderr, r.stdout)
	}
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(testdata, name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s (rewrite with -update):\n%s\nwant:\n%s", path, text, want)
	}
}

// folder is a new directory with files, by name, in which the test works.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// parcelFile is a workflow that is right.
const parcelFile = `workflow: parcel
version: 1
messages:
  Ordered: {topic: parcel.orders, key: event.id}
  Send:    {topic: parcel.commands}
  Sent:    {topic: parcel.events, key: event.id}
start: {Ordered: {set: {order: =event}}}
do:
  - parcel: {send: Send, with: {id: =order.id}, await: {Sent: {}}, timeout: 5s}
`

// wrongFile has an error that Parse finds and one that Compile finds.
var wrongFile = strings.NewReplacer("await: {Sent:", "await: {Snet:").Replace(parcelFile)

func TestGoldenHelp(t *testing.T) {
	for _, command := range []string{"", "demo", "demo services", "serve", "dev", "deploy", "check", "test", "topics", "topics plan", "topics apply", "explain", "version", "fmt", "schema", "init", "graph", "bench", "help"} {
		t.Run(command, func(t *testing.T) {
			r := rondo(t, append(strings.Fields(command), "--help")...)
			if r.code != exitDone || r.stderr != "" {
				t.Errorf("exit code %d, stderr %q", r.code, r.stderr)
			}
			name := strings.ReplaceAll(strings.TrimSpace("rondo "+command), " ", "-")
			fitsTerminals(t, r.stdout)
			golden(t, "help/"+name+".txt", r.stdout)
		})
	}
}

// fitsTerminals fails for lines of help that a terminal would wrap.
func fitsTerminals(t *testing.T, help string) {
	t.Helper()
	for line := range strings.Lines(help) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestACommandLineThatIsWrongGetsOneSentence(t *testing.T) {
	dir := folder(t, map[string]string{"parcel.yaml": parcelFile})
	if err := os.Mkdir(filepath.Join(dir, "bare"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ args, want string }{
		{"serv", "rondo: there is no command serv: did you mean rondo serve?"},
		{"frobnicate", "rondo: there is no command frobnicate: rondo --help lists them"},
		{"topics aply", "rondo: there is no command aply: did you mean rondo topics apply?"},
		{"serve --confg x", "rondo: unknown flag: --confg: did you mean --config?"},
		{"demo overheat-guard --orders 5", "rondo: unknown flag: --orders: rondo demo overheat-guard --help lists them"},
		{"demo overheat-gard", "rondo: there is no command overheat-gard: did you mean rondo demo overheat-guard?"},
		{"demo --orders 0", "rondo: --orders 0 is none: give a number above 0"},
		{"demo personalise --nodes -1", "rondo: --nodes -1 is none: give a number above 0"},
		{"serve now", "rondo: rondo serve takes no arguments, and got now: see rondo serve --help"},
		{"serve --log xml", "rondo: --log xml is not known: choose text or json"},
		{"serve --log-level loud", "rondo: --log-level loud is not known: choose debug, info, warn or error"},
		{"serve", "rondo: there is no configuration file rondo.yaml: write one with app and brokers, or name it with --config (docs/configuration.md)"},
		{"deploy", "rondo: rondo deploy needs at least one FILE: see rondo deploy --help"},
		{"check nothing.yaml", "rondo: there is no file or folder nothing.yaml: name a workflow file (YAML), or a folder with some"},
		{"check parcel.yml", "rondo: there is no file or folder parcel.yml: did you mean parcel.yaml?"},
		{"check -o xml parcel.yaml", "rondo: -o xml is not known: choose text or json"},
		{"explain unknown-mesage", "rondo: there is no code unknown-mesage: did you mean unknown-message?"},
		{"test", "rondo: there is no file of tests (*.test.yaml) in .: name one, or let rondo init write one (docs/testing.md)"},
		{"test nowhere", "rondo: there is no file or folder nowhere: name a file of tests (*.test.yaml), or a folder with some"},
		{"test --run (", "rondo: --run ( is no regular expression: error parsing regexp: missing closing ): `(`"},
		{"test --coverage-min 101", "rondo: --coverage-min 101 is no percentage: choose 0 to 100"},
		{"check bare", "rondo: there is no workflow file (*.yaml) in bare: name one, or let rondo init write one"},
		{"graph bare", "rondo: there is no workflow file (*.yaml) in bare: name one, or let rondo init write one"},
		{"graph -o png", "rondo: -o png is not known: choose mermaid, dot or svg"},
		{"init one two", "rondo: rondo init takes one FOLDER, and got two as well: see rondo init --help"},
		{"init parcel.yaml", "rondo: parcel.yaml is a file, and nothing was written: name a folder"},
		{"dev one two", "rondo: rondo dev takes one FOLDER, and got two as well: see rondo dev --help"},
		{"explain one two", "rondo: rondo explain takes one CODE, and got two as well: see rondo explain --help"},
		{"serve --config bare", "rondo: bare is a folder, and no configuration file: name the file in it, such as bare/rondo.yaml"},
		{"demo --nodes 99", "rondo: nodes is 99: give 1 to 8"},
		{"demo --rate -1", "rondo: rate is -1: give a number of orders per second above 0"},
		{"demo --rate fast", "rondo: --rate fast is not understood: a number is expected, see rondo demo --help"},
		{"demo --seed -1", "rondo: --seed -1 is not understood: a whole number from 0 is expected, see rondo demo --help"},
		{"demo services one two", "rondo: rondo demo services takes one STORY, and got two as well: see rondo demo services --help"},
		{"demo services --rate -1", "rondo: --rate -1 is below 0: leave it out, or give something above"},
		{"bench --rounds 0", "rondo: --rounds 0 is none: give a number above 0"},
		{"bench --scale -1", "rondo: --scale -1 is below 0: leave it out, or give something above"},
		{"bench --warm-up -1s", "rondo: --warm-up -1s is below 0: leave it out, or give something above"},
		{"history parcel/o-1 --desk door", "rondo: --desk door is not known: choose mailbox.<variable>, schedule or gate.<Message>, as rondo instances list --desks shows them"},
		{"dlq replay", "rondo: rondo dlq replay needs to know which: name LETTERs, a filter, or --all; see rondo dlq replay --help"},
		{"dlq replay first", "rondo: first is no dead letter: name it as partition/offset, as rondo dlq list shows it"},
		{"act pause parcel/o-1 --to 2", "rondo: --to belongs to migrate"},
		{"act migrate parcel/o-1 --to -2", "rondo: --to -2 is below 0: leave it out, or give something above"},
		{"act pause parcel/o-1 --timeout 3", "rondo: --timeout 3 is not understood: a duration such as 30s is expected, see rondo act --help"},
		{"act pause parcel/o-1 --timeout 0s", "rondo: --timeout 0s is no time to wait: give a duration above 0, or --wait=false"},
		{"act pause parcel/o-1 --wait=perhaps", "rondo: --wait perhaps is not understood: true or false is expected, see rondo act --help"},
		{"migrate parcel --to two", "rondo: --to two is not understood: a whole number is expected, see rondo migrate --help"},
		{"migrate parcel --to 2 --from -1", "rondo: --from -1 is below 0: leave it out, or give something above"},
		{"migrate parcel --to 2 --limit -1", "rondo: --limit -1 is below 0: leave it out, or give something above"},
		{"help frobnicate", "rondo: there is no command frobnicate: rondo --help lists them"},
		{"help topics pla", "rondo: there is no command pla: did you mean rondo topics plan?"},
		{"completion bsh", "rondo: there is no command bsh: did you mean rondo completion bash?"},
		{"dev nowhere", "rondo: nowhere is no folder: name the one with your workflow files"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			rondo(t, strings.Fields(tc.args)...).want(t, exitUsage, tc.want)
		})
	}
}

// words splits a line as a shell does, as far as examples go: quotes, and what is
// written to a file left out.
func words(line string) []string {
	line, _, _ = strings.Cut(line, " > ")
	var out []string
	for _, m := range shellWord.FindAllString(line, -1) {
		out = append(out, strings.NewReplacer("'", "", `"`, "").Replace(m))
	}
	return out
}

var shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)

// examplesOfAll collects the examples of a command and of those in it, by name.
func examplesOfAll(cmd *cobra.Command, to map[string][]string) {
	if cmd.Runnable() && cmd.IsAvailableCommand() {
		to[cmd.CommandPath()] = strings.FieldsFunc(cmd.Example, func(r rune) bool { return r == '\n' })
	}
	for _, c := range cmd.Commands() {
		if c.Name() != "completion" { // cobra's own
			examplesOfAll(c, to)
		}
	}
}

func TestEveryCommandHasExamplesThatItUnderstands(t *testing.T) {
	all := map[string][]string{}
	examplesOfAll(newRoot(), all)
	for _, group := range []string{"rondo", "rondo dlq", "rondo instances", "rondo topics"} {
		delete(all, group)
	}
	if len(all) < 20 {
		t.Fatalf("only %d commands", len(all))
	}
	for path, examples := range all {
		if len(examples) == 0 {
			t.Errorf("%s has no example", path)
		}
		for _, line := range examples {
			cmd, args, err := newRoot().Find(words(line)[1:])
			if err != nil || cmd.CommandPath() != path {
				t.Errorf("the example of %s is one of %s: %s (%v)", path, cmd.CommandPath(), line, err)
				continue
			}
			if err := cmd.ParseFlags(args); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

func TestAWrongConfigurationIsShownWithItsPlaces(t *testing.T) {
	folder(t, map[string]string{"rondo.yaml": "app: shop\nbrokers: [localhost:9092]\nparttions: 8\nsasl: {mechanism: plain, user: u, password: hunter2}\n"})
	for _, command := range []string{"serve", "deploy x.yaml", "topics plan", "topics apply"} {
		r := rondo(t, strings.Fields(command)...)
		if r.code != exitUsage {
			t.Errorf("%s: exit code %d", command, r.code)
		}
		golden(t, "config-wrong.txt", r.stderr)
	}
}

func TestAConfigurationThatNamesNoWorkflowIsSaid(t *testing.T) {
	folder(t, map[string]string{"rondo.yaml": "app: shop\nbrokers: [localhost:9092]\ndefinitions: [nix.yaml]\n"})
	rondo(t, "serve").want(t, exitUsage,
		"rondo: definitions of the configuration: there is no file or folder nix.yaml: name a workflow file (YAML), or a folder with some")
}

func TestDeployingAFolderWithoutWorkflowsIsRefused(t *testing.T) {
	folder(t, map[string]string{"rondo.yaml": "app: shop\nbrokers: [localhost:1]\n"})
	rondo(t, "deploy", ".").want(t, exitUsage, "rondo: there is no workflow file (*.yaml) in .: name one, or let rondo init write one")
}

func TestVersionNamesThePlatform(t *testing.T) {
	if r := rondo(t, "version"); r.code != exitDone || !strings.HasPrefix(r.stdout, "rondo ") || strings.Count(r.stdout, " ") != 3 {
		t.Errorf("%+v", r)
	}
}

func TestCompletionIsThereForAllShells(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := rondo(t, "completion", shell); r.code != exitDone || !strings.Contains(r.stdout, "rondo") {
			t.Errorf("%s: exit code %d", shell, r.code)
		}
	}
	if r := rondo(t, "__complete", "explain", "config-s"); !strings.Contains(r.stdout, "config-secret") {
		t.Errorf("codes are not completed: %s", r.stdout)
	}
}

func TestEveryCodeCanBeExplained(t *testing.T) {
	list := strings.Fields(rondo(t, "explain").stdout)
	if len(list) < 20 {
		t.Fatalf("only %d codes", len(list))
	}
	for _, code := range list {
		if r := rondo(t, "explain", code); r.code != exitDone || len(r.stdout) < 80 {
			t.Errorf("%s: exit code %d, %q", code, r.code, r.stdout)
		}
	}
}
