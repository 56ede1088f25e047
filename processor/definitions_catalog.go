package processor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// Catalog is what a node knows of the deployed definitions. It follows the
// definitions topic; what it answers is taken from one immutable set, which is
// replaced as a whole, so lanes ask it without a lock.
type Catalog struct {
	cfg      Config
	compiler *definitionCompiler
	reader   *definitionsReader

	set     atomic.Pointer[definitionSet]
	reached atomic.Int64 // offset up to which set has what the topic holds
	failed  chan error   // capacity 1
	cancel  context.CancelFunc
	done    chan struct{}

	// Touched by whoever reads the topic: OpenCatalog, then follow.
	have    deployed
	entries map[string]definitionEntry // by key of the topic
}

// definitionEntry is one deployed version as this node understands it.
type definitionEntry struct {
	workflow string
	version  int
	compiled *compiledDefinition // nil: it cannot be compiled here
	broken   error               // why not
	topics   []string            // of a broken one: what it reads, as far as it could be understood
}

// Route is a definition that takes records from a topic.
type Route struct {
	Workflow string
	Plan     *topology.Plan
	Reader   *schemas.Reader
}

// OpenCatalog publishes cfg.Definitions where they are not deployed yet, reads
// the definitions topic to its end, and follows it from then on. The caller
// closes it.
func OpenCatalog(ctx context.Context, cfg Config) (*Catalog, error) {
	cfg = cfg.WithDefaults()
	compiler, err := newDefinitionCompiler(cfg)
	if err != nil {
		return nil, err
	}
	c := &Catalog{
		cfg:      cfg,
		compiler: compiler,
		failed:   make(chan error, 1),
		done:     make(chan struct{}),
		have:     deployed{},
		entries:  map[string]definitionEntry{},
	}
	if err := c.publishOwn(ctx); err != nil {
		return nil, err
	}
	if c.reader, err = newDefinitionsReader(cfg); err != nil {
		return nil, err
	}
	if err := c.reader.toEnd(ctx, upToWritten, func(r *kgo.Record) { c.take(ctx, r) }); err != nil {
		c.reader.close()
		return nil, c.explain(ctx, err)
	}
	if err := c.pendingFailure(); err != nil {
		c.reader.close()
		return nil, err
	}
	c.publishSet()
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	go c.follow(following)
	return c, nil
}

// publishOwn publishes what the configuration brings along. Before that all
// topics must be there: a definition whose topics are missing is not deployed.
func (c *Catalog) publishOwn(ctx context.Context) error {
	if len(c.cfg.Definitions) == 0 {
		return nil
	}
	var plans []*topology.Plan
	for _, def := range c.cfg.Definitions {
		compiled, err := c.compileWaiting(ctx, def)
		if err != nil {
			return fmt.Errorf("definition %s version %d: %w", def.Name, def.Version, err)
		}
		plans = append(plans, compiled.plan)
	}
	if err := CheckTopics(ctx, c.cfg, plans); err != nil {
		return err
	}
	published, err := Deploy(ctx, c.cfg, c.cfg.Definitions, "a node on "+hostname())
	for _, p := range published {
		if p.New {
			c.cfg.Log.Info("definition published", "workflow", p.Workflow, "version", VersionText(p.Version))
		}
	}
	return err
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "an unnamed host"
	}
	return name
}

// explain names all missing topics, where one of them kept us from reading.
func (c *Catalog) explain(ctx context.Context, err error) error {
	if errors.Is(err, errNoDefinitionsTopic) {
		if all := CheckTopics(ctx, c.cfg, nil); all != nil {
			return all
		}
	}
	return explainDefinitions(c.cfg, "read", err)
}

// Close ends the following.
func (c *Catalog) Close() {
	c.cancel()
	<-c.done
	c.reader.close()
}

// Failed yields an error when the topic cannot be followed any more. The node
// must stop then: it would not learn of new definitions.
func (c *Catalog) Failed() <-chan error { return c.failed }

func (c *Catalog) fail(err error) {
	select {
	case c.failed <- err:
	default: // the first one is enough
	}
}

func (c *Catalog) pendingFailure() error {
	select {
	case err := <-c.failed:
		return err
	default:
		return nil
	}
}

// follow takes what is deployed from now on, until ctx ends.
func (c *Catalog) follow(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		changed := false
		err := c.reader.poll(ctx, func(record *kgo.Record) {
			c.take(ctx, record)
			changed = true
		})
		if ctx.Err() != nil {
			return // what was polled last may not have been understood to the end
		}
		if changed {
			c.publishSet()
		}
		c.reached.Store(c.reader.next) // markers are progress as well
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// publishSet lets lanes see what was taken.
func (c *Catalog) publishSet() {
	c.set.Store(newDefinitionSet(c.entries))
	c.reached.Store(c.reader.next)
}

// take adds one record of the topic to what is known.
func (c *Catalog) take(ctx context.Context, record *kgo.Record) {
	key := string(record.Key)
	if record.Value == nil {
		c.cfg.Log.Warn("a definition was removed from the definitions topic: its instances wait", "definition", key)
		delete(c.have, key)
		delete(c.entries, key)
		return
	}
	next, err := c.have.put(key, record.Value)
	if errors.As(err, new(*schemas.UnknownFormatError)) {
		c.fail(fmt.Errorf("a newer version of rondo has written %s: update this node: %w", key, err))
		return
	}
	if err != nil {
		c.cfg.Log.Error("a record of the definitions topic is not used", "offset", record.Offset, "reason", err.Error())
		return
	}
	if _, known := c.entries[key]; known {
		return
	}
	if entry := c.understand(ctx, next); ctx.Err() == nil {
		c.entries[key] = entry
	}
}

// understand compiles what was deployed. What cannot be compiled here, because
// this node is older than the one that deployed it or reaches another schema
// registry, concerns that workflow alone: its instances wait.
func (c *Catalog) understand(ctx context.Context, d schemas.Deployment) definitionEntry {
	entry := definitionEntry{workflow: d.Workflow, version: d.Version}
	def, err := parseDeployment(d)
	if err == nil {
		entry.compiled, err = c.compileWaiting(ctx, def)
	}
	if err != nil && ctx.Err() == nil {
		entry.broken = fmt.Errorf("definition %s version %s cannot be used by this node: %w", d.Workflow, VersionText(d.Version), err)
		entry.topics = topicsRead(def)
		c.cfg.Log.Error("a deployed definition cannot be used by this node: its instances wait until the node is updated",
			"workflow", d.Workflow, "version", VersionText(d.Version), "reason", err.Error())
		return entry
	}
	c.cfg.Log.Debug("definition known", "workflow", d.Workflow, "version", VersionText(d.Version))
	return entry
}

// compileWaiting compiles, and waits where the schema registry does not answer:
// that says nothing about the definition.
func (c *Catalog) compileWaiting(ctx context.Context, def *topology.Definition) (*compiledDefinition, error) {
	for failures := 0; ; failures++ {
		compiled, err := c.compiler.compile(ctx, def)
		if !errors.Is(err, schemas.ErrRegistryUnavailable) {
			return compiled, err
		}
		if failures%10 == 0 {
			c.cfg.Log.Warn("a definition waits for the schema registry", "workflow", def.Name, "version", VersionText(def.Version), "reason", err.Error())
		}
		if err := pause(ctx, min(time.Second<<min(failures, 4), 10*time.Second)); err != nil {
			return nil, err
		}
	}
}

// parseDeployment reads a definition out of its record.
func parseDeployment(d schemas.Deployment) (*topology.Definition, error) {
	def, list := topology.Parse(definitionName(d.Workflow, d.Version), d.Source, func(name string) ([]byte, error) {
		text, ok := d.Files[name]
		if !ok {
			return nil, fmt.Errorf("%s was not deployed with it", name)
		}
		return text, nil
	})
	if list.HasErrors() {
		return def, &DefinitionError{list}
	}
	def.Version = d.Version // 1+dev.3 has the text of a version 1
	return def, nil
}

// topicsRead are the topics that a definition which is not understood may read:
// all that it names.
func topicsRead(def *topology.Definition) []string {
	if def == nil {
		return nil
	}
	var out []string
	for _, m := range def.Messages {
		if m != nil && m.Topic != "" {
			out = append(out, m.Topic)
		}
	}
	return out
}

// Plans returns the plans of all versions, ordered by workflow, newest first.
func (c *Catalog) Plans() []*topology.Plan { return c.set.Load().all }

// Plan returns the plan of one version.
func (c *Catalog) Plan(workflow string, version int) (*topology.Plan, bool) {
	p, ok := c.set.Load().plans[definitionKey(workflow, version)]
	return p, ok
}

// versions are those of a workflow that this node can use.
func (c *Catalog) versions(workflow string) []int {
	var out []int
	for _, plan := range c.set.Load().all {
		if def := plan.Definition(); def.Name == workflow {
			out = append(out, def.Version)
		}
	}
	return out
}

// Newest returns the plan by which new instances of a workflow begin. It is
// false for a workflow that is not deployed, and for one whose newest version
// this node cannot use.
func (c *Catalog) Newest(workflow string) (*topology.Plan, bool) {
	p, ok := c.set.Load().newest[workflow]
	return p, ok
}

// unusable is not nil where the newest version of a workflow is deployed and
// cannot be used by this node.
func (c *Catalog) unusable(workflow string) error { return c.set.Load().broken[workflow] }

// unusableVersion is not nil where a version is deployed and cannot be used by this
// node.
func (c *Catalog) unusableVersion(workflow string, version int) error {
	return c.set.Load().unusable[definitionKey(workflow, version)]
}

// readsOf returns the topics that any version of a workflow reads, or of the
// workflows that it runs as children, and so on.
func (c *Catalog) readsOf(workflow string) []string { return c.set.Load().reads[workflow] }

// Routes returns the definitions that take records from a topic, ordered by
// workflow, newest version first.
func (c *Catalog) Routes(topic string) []Route { return c.set.Load().routes[topic] }

// Sources returns the topics that any definition reads, sorted.
func (c *Catalog) Sources() []string { return c.set.Load().sources }

// Blocked is not nil where records of a topic must wait: a definition that may
// read it is deployed and cannot be used by this node.
func (c *Catalog) Blocked(topic string) error { return c.set.Load().blocked[topic] }

// tablesOf returns the tables of a plan, in the order of its file.
func (c *Catalog) tablesOf(plan *topology.Plan) []tableSource { return c.set.Load().tables[plan] }

// allTables returns the tables of all definitions, in no order.
func (c *Catalog) allTables() []tableSource {
	var out []tableSource
	for _, sources := range c.set.Load().tables {
		out = append(out, sources...)
	}
	return out
}
