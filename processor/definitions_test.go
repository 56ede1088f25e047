package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/schemas"
	"rondo/topology"
)

// parcel is a small workflow; extra makes another content of it.
func parcel(t *testing.T, name string, version int, extra string) *topology.Definition {
	t.Helper()
	src := fmt.Sprintf(`workflow: %s
version: %d
doc: Sends a parcel. %s
messages:
  Ordered: {topic: parcel.orders, key: event.id}
  Send:    {topic: parcel.commands}
  Sent:    {topic: parcel.events, key: event.id}
start: {Ordered: {set: {order: =event}}}
do:
  - parcel: {send: Send, with: {id: =order.id}, await: {Sent: {}}, timeout: 5s}
`, name, version, extra)
	def, list := topology.Parse(name+".yaml", []byte(src), nil)
	for _, d := range list {
		t.Fatal(d)
	}
	return def
}

// withDefinitionsTopic is an application whose own topics exist.
func withDefinitionsTopic(t *testing.T, cluster *kafkatest.Cluster) Config {
	t.Helper()
	cfg := configFor(t, cluster)
	applyTopics(t, cfg, cluster, cfg.Topics(nil))
	return cfg
}

func deployAll(t *testing.T, cfg Config, defs ...*topology.Definition) []Published {
	t.Helper()
	published, err := Deploy(shortly(t), cfg, defs, "a test")
	if err != nil {
		t.Fatal(err)
	}
	return published
}

func openCatalog(t *testing.T, cfg Config) *Catalog {
	t.Helper()
	c, err := OpenCatalog(shortly(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// eventually waits for what another goroutine will bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := shortly(t)
	for !holds() {
		if pause(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

func TestADeployedVersionNeverChanges(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := withDefinitionsTopic(t, cluster)
		first := parcel(t, "parcel", 1, "")
		if p := deployAll(t, cfg, first); !p[0].New {
			t.Errorf("first: %+v", p)
		}
		if p := deployAll(t, cfg, first); p[0].New {
			t.Errorf("the same again: %+v", p)
		}
		_, err := Deploy(shortly(t), cfg, []*topology.Definition{parcel(t, "parcel", 2, ""), parcel(t, "parcel", 1, "Changed.")}, "")
		wantRefusal(t, err, Conflict, "parcel version 1 was deployed on ")
		if !strings.HasSuffix(err.Error(), "by a test with another content: a deployed version never changes, give the file version 2") {
			t.Errorf("the way out is missing: %v", err)
		}
		have, err := readDeployed(shortly(t), cfg, upToWritten)
		if err != nil || len(have) != 1 {
			t.Errorf("after the refusal the topic holds %d definitions, %v", len(have), err)
		}
	})
}

func TestPublishersTakeTurns(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := withDefinitionsTopic(t, cluster)
		const publishers = 6
		results := make([]error, publishers)
		var all sync.WaitGroup
		for i := range publishers {
			def := parcel(t, "parcel", 1, fmt.Sprintf("Content %d.", i%2))
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, results[i] = Deploy(ctx, cfg, []*topology.Definition{def}, fmt.Sprintf("publisher %d", i))
			})
		}
		all.Wait()
		checkOneWinner(t, results)
		if n := recordsIn(t, cfg, cluster); n != 1 {
			t.Errorf("%d records were written for one version", n)
		}
	})
}

// A broker that stumbles over two publishers says that it does not know what went
// wrong; what has become of the write is read from the topic.
func TestPublishingGoesOnAfterAnUnknownOutcome(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			cluster := kafkatest.Embedded(t, 1)
			cfg := withDefinitionsTopic(t, cluster)
			cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.UnknownServerError, Count: 1})
			deployAll(t, cfg, parcel(t, "parcel", 1, ""))
			if n := recordsIn(t, cfg, cluster); n != 1 {
				t.Errorf("%d records were written for one version", n)
			}
		})
	}
}

// checkOneWinner: those with the content that won succeed, the others are
// refused.
func checkOneWinner(t *testing.T, results []error) {
	t.Helper()
	var won, refused [2]int
	for i, err := range results {
		var refusal *Refusal
		switch {
		case err == nil:
			won[i%2]++
		case errors.As(err, &refusal) && refusal.Kind == Conflict:
			refused[i%2]++
		default:
			t.Errorf("publisher %d: %v", i, err)
		}
	}
	half := len(results) / 2
	if !(won == [2]int{half, 0} && refused == [2]int{0, half}) && !(won == [2]int{0, half} && refused == [2]int{half, 0}) {
		t.Errorf("won %v, refused %v: want all of one content, none of the other", won, refused)
	}
}

func recordsIn(t *testing.T, cfg Config, cluster *kafkatest.Cluster) int {
	t.Helper()
	reader, err := newDefinitionsReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.close()
	n := 0
	if err := reader.toEnd(shortly(t), upToWritten, func(*kgo.Record) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCatalogKnowsAllVersionsAndFollows(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := withDefinitionsTopic(t, cluster)
		deployAll(t, cfg, parcel(t, "parcel", 1, ""), parcel(t, "letter", 3, ""))
		c := openCatalog(t, cfg)
		if topics := strings.Join(c.Sources(), " "); topics != "parcel.events parcel.orders" {
			t.Errorf("sources: %s", topics)
		}
		if newest, ok := c.Newest("parcel"); !ok || newest.Definition().Version != 1 {
			t.Errorf("newest: %v %v", newest, ok)
		}

		deployAll(t, cfg, parcel(t, "parcel", 2, ""))
		eventually(t, "version 2 is known", func() bool { _, ok := c.Plan("parcel", 2); return ok })
		if newest, _ := c.Newest("parcel"); newest.Definition().Version != 2 {
			t.Errorf("newest after the deployment: %d", newest.Definition().Version)
		}
		if _, ok := c.Plan("parcel", 1); !ok {
			t.Error("version 1 is forgotten, and its instances with it")
		}
		var routes []string
		for _, r := range c.Routes("parcel.orders") {
			routes = append(routes, fmt.Sprintf("%s@%d", r.Workflow, r.Plan.Definition().Version))
		}
		if text := strings.Join(routes, " "); text != "letter@3 parcel@2 parcel@1" {
			t.Errorf("routes: %s", text)
		}
		if len(c.Plans()) != 3 || c.Routes("parcel.commands") != nil {
			t.Errorf("plans: %v; a topic that is only written has routes: %v", c.Plans(), c.Routes("parcel.commands"))
		}
	})
}

func TestDefinitionsThatDescribeATopicAlikeShareAReader(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	deployAll(t, cfg, parcel(t, "parcel", 1, ""), parcel(t, "parcel", 2, ""))
	routes := openCatalog(t, cfg).Routes("parcel.orders")
	if len(routes) != 2 || routes[0].Reader == nil || routes[0].Reader != routes[1].Reader {
		t.Errorf("routes: %+v", routes)
	}
}

func TestCatalogPublishesWhatTheConfigurationBrings(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		def := parcel(t, "parcel", 1, "")
		cfg.Definitions = []*topology.Definition{def}
		_, err := OpenCatalog(shortly(t), cfg)
		wantRefusal(t, err, TopicsWrong, "8 topics are missing (")

		compiled, err := (&definitionCompiler{plans: cfg.PlanOptions(), readers: map[string]*schemas.Reader{}}).compile(shortly(t), def)
		if err != nil {
			t.Fatal(err)
		}
		// The messages' topics are shared by all tests on this cluster.
		applyTopics(t, cfg, cluster, cfg.Topics([]*topology.Plan{compiled.plan}))
		if _, ok := openCatalog(t, cfg).Plan("parcel", 1); !ok {
			t.Error("the definition was not published")
		}
		cfg.Definitions = []*topology.Definition{parcel(t, "parcel", 1, "Changed.")}
		_, err = OpenCatalog(shortly(t), cfg)
		wantRefusal(t, err, Conflict, "parcel version 1 was deployed on ")
	})
}

func TestCatalogWithoutTopicsNamesThemAll(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	_, err := OpenCatalog(shortly(t), configFor(t, cluster))
	wantRefusal(t, err, TopicsWrong, "5 topics are missing (")
}

func TestADefinitionThatThisNodeCannotUseBlocksItsTopicsAlone(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	deployAll(t, cfg, parcel(t, "letter", 1, ""), parcel(t, "parcel", 1, ""))
	future := strings.Replace(string(parcel(t, "parcel", 2, "").Source), "doc:", "from-the-future: yes\ndoc:", 1)
	future = strings.ReplaceAll(future, "parcel.orders", "parcel.express")
	putRaw(t, cfg, cluster, schemas.Deployment{Workflow: "parcel", Version: 2, Source: []byte(future), Digest: "d"})

	c := openCatalog(t, cfg)
	if _, ok := c.Newest("parcel"); ok {
		t.Error("a new instance would begin with an old version")
	}
	if _, ok := c.Plan("parcel", 1); !ok {
		t.Error("instances of the version that can be used wait as well")
	}
	if err := c.Blocked("parcel.express"); err == nil || !strings.HasPrefix(err.Error(), "definition parcel version 2 cannot be used by this node: ") {
		t.Errorf("its topic is not blocked: %v", err)
	}
	if err := c.Blocked("parcel.orders"); err != nil {
		t.Errorf("a topic that it does not name is blocked: %v", err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "from-the-future") {
		t.Errorf("it is not said loudly:\n%s", &log)
	}
}

// putRaw writes a deployment as no deploy command would.
func putRaw(t *testing.T, cfg Config, cluster *kafkatest.Cluster, d schemas.Deployment) {
	t.Helper()
	value, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	put(t, cfg, cluster, definitionKey(d.Workflow, d.Version), value)
}

func put(t *testing.T, cfg Config, cluster *kafkatest.Cluster, key string, value []byte) {
	t.Helper()
	record := &kgo.Record{Topic: cfg.OwnTopics().Definitions, Key: []byte(key), Value: value}
	if err := cluster.Client(t).ProduceSync(shortly(t), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestAForeignRecordDoesNotReplaceADefinition(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	first := parcel(t, "parcel", 1, "")
	deployAll(t, cfg, first)
	other := parcel(t, "parcel", 1, "Changed.")
	putRaw(t, cfg, cluster, deploymentOf(other, 1, 0, "a stranger"))
	put(t, cfg, cluster, "parcel@1", []byte("nonsense"))
	put(t, cfg, cluster, "letter@1", mustEncode(t, deploymentOf(first, 1, 0, "")))

	c := openCatalog(t, cfg)
	plan, ok := c.Plan("parcel", 1)
	if !ok || plan.Digest() != first.Digest() || len(c.Plans()) != 1 {
		t.Errorf("the stranger's content is in force: %v, %d plans", ok, len(c.Plans()))
	}
}

func mustEncode(t *testing.T, d schemas.Deployment) []byte {
	t.Helper()
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARecordOfANewerProgramStopsTheNode(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	newer := mustEncode(t, deploymentOf(parcel(t, "parcel", 1, ""), 1, 0, ""))
	for i := 2; i < 10; i++ {
		newer[i] ^= 0xff // another fingerprint
	}
	put(t, cfg, cluster, "parcel@1", newer)
	if _, err := OpenCatalog(shortly(t), cfg); err == nil || !strings.Contains(err.Error(), "a newer version of rondo has written parcel@1: update this node") {
		t.Errorf("open: %v", err)
	}
}

func TestARemovedDefinitionIsForgottenWhileFollowing(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	deployAll(t, cfg, parcel(t, "parcel", 1, ""), parcel(t, "parcel", 2, ""))
	c := openCatalog(t, cfg)
	put(t, cfg, cluster, "parcel@2", nil)
	eventually(t, "version 2 is gone", func() bool { _, ok := c.Plan("parcel", 2); return !ok })
	if newest, ok := c.Newest("parcel"); !ok || newest.Definition().Version != 1 {
		t.Errorf("newest: %v", ok)
	}
}

func TestDevPublishesChangesOfAVersion(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	cfg := withDefinitionsTopic(t, cluster)
	change := func(version int, extra string) string {
		t.Helper()
		p, err := DeployChange(shortly(t), cfg, parcel(t, "parcel", version, extra), "dev")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %v %s", VersionText(p.Version), p.New, VersionText(p.Newest))
	}
	for i, step := range []struct {
		version int
		extra   string
		want    string
	}{
		{1, "", "1 true 1"},
		{1, "", "1 false 1"},
		{1, "A.", "1+dev.1 true 1+dev.1"},
		{1, "A.", "1+dev.1 false 1+dev.1"},
		{1, "", "1+dev.2 true 1+dev.2"}, // taken back is a change as well
		{2, "", "2 true 2"},
		{1, "B.", "1+dev.3 true 2"},
	} {
		if got := change(step.version, step.extra); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	newest, _ := openCatalog(t, cfg).Newest("parcel")
	if v := VersionText(newest.Definition().Version); v != "2" {
		t.Errorf("newest is %s", v)
	}
	_, err := Deploy(shortly(t), cfg, []*topology.Definition{parcel(t, "parcel", devStep, "")}, "")
	var field *FieldError
	if !errors.As(err, &field) || field.Field != "version" {
		t.Errorf("a version that dev uses for changes: %v", err)
	}
}

func TestVersionsAreOrderedFromOldToNew(t *testing.T) {
	versions := []int{1, devStep + 1, 2*devStep + 1, 10*devStep + 1, 2, devStep + 2, 3}
	for i := range versions {
		for j := range versions {
			if got, want := compareVersions(versions[i], versions[j]) < 0, i < j; got != want {
				t.Errorf("%s before %s: %v", VersionText(versions[i]), VersionText(versions[j]), got)
			}
		}
	}
}

func TestPlacesNameAVersionAsPeopleKnowIt(t *testing.T) {
	_, err := parseDeployment(schemas.Deployment{Workflow: "shop", Version: 2*devStep + 1, Source: []byte("workflow: shop\nversion: 1\n")})
	if err == nil || !strings.Contains(err.Error(), "shop@1+dev.2: error") {
		t.Errorf("%v", err)
	}
}
