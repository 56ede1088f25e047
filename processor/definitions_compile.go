package processor

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/diag"
)

// CodeSchema is the code of findings about the schemas that a definition names.
const CodeSchema = "schema"

// DefinitionError is a definition that cannot be run, with all that is wrong.
type DefinitionError struct{ List diag.List }

func (e *DefinitionError) Error() string {
	var errs []string
	for _, d := range e.List {
		if d.Severity == diag.Error {
			errs = append(errs, d.String())
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return fmt.Sprintf("%d errors, the first is %s", len(errs), errs[0])
}

// compiledDefinition is what a node needs to run one version.
type compiledDefinition struct {
	plan    *topology.Plan
	readers map[string]*schemas.Reader // by topic
	tables  []tableSource              // in the order of the file
}

// definitionCompiler compiles definitions for one application. It may be used
// by many goroutines.
type definitionCompiler struct {
	plans    topology.Options  // without what needs schemas
	registry *schemas.Registry // nil: none is configured

	mu      sync.Mutex // guards what follows
	readers map[string]*schemas.Reader
}

func newDefinitionCompiler(cfg Config) (*definitionCompiler, error) {
	c := &definitionCompiler{plans: cfg.PlanOptions(), readers: map[string]*schemas.Reader{}}
	if cfg.Registry == nil {
		return c, nil
	}
	registry, err := cfg.Registry.client()
	if err != nil {
		return nil, err
	}
	c.registry = registry
	return c, nil
}

func (r Registry) client() (*schemas.Registry, error) {
	config := schemas.RegistryConfig{URLs: []string{r.URL}, User: r.User, Password: r.Password.Reveal()}
	if r.CA != "" {
		pool, err := readAuthorities(r.CA)
		if err != nil {
			return nil, &FieldError{"registry.ca", err.Error()}
		}
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return schemas.NewRegistry(config)
}

// CheckDefinition compiles a definition as a node of the application would,
// its schemas included. The plan is nil if the list has errors, or if Parse has
// found some: then the list has what is wrong besides. err says that the check
// could not be made: the schema registry does not answer.
func CheckDefinition(ctx context.Context, cfg Config, def *topology.Definition) (*topology.Plan, diag.List, error) {
	compiler, err := newDefinitionCompiler(cfg)
	if err != nil {
		return nil, nil, err
	}
	compiled, list, err := compiler.check(ctx, def, true)
	if err != nil || compiled == nil || list.HasErrors() {
		return nil, list, err
	}
	return compiled.plan, list, nil
}

// NewWire carries payloads as the records of a definition's messages would, with
// the application's schema registry, if it has one. Errors are as those of
// CheckDefinition, whose list has the others.
func NewWire(ctx context.Context, cfg Config, def *topology.Definition) (*schemas.Wire, error) {
	compiler, err := newDefinitionCompiler(cfg)
	if err != nil {
		return nil, err
	}
	return schemas.NewWire(ctx, def, compiler.registry)
}

// compile is check for those who only want to run it: a *DefinitionError says
// what is wrong; any other error, that the schema registry does not answer.
func (c *definitionCompiler) compile(ctx context.Context, def *topology.Definition) (*compiledDefinition, error) {
	compiled, list, err := c.check(ctx, def, false)
	if err == nil && list.HasErrors() {
		err = &DefinitionError{list}
	}
	return compiled, err
}

// check compiles a definition. With typed it is also checked against what its
// schemas say: that is for who is about to deploy it. What was deployed must go
// on running, whatever a newer version of a schema, or of Rondo, says of it.
func (c *definitionCompiler) check(ctx context.Context, def *topology.Definition, typed bool) (*compiledDefinition, diag.List, error) {
	var list diag.List
	options := c.plans
	if typed {
		types, unusable, err := schemas.TypesOf(ctx, def, c.registry)
		if err != nil {
			return nil, nil, err
		}
		for _, u := range unusable {
			list = append(list, diag.Diagnostic{Code: CodeSchema, Pos: u.Pos, Length: len([]rune(u.Schema)), Message: u.Error()})
		}
		options.Types = &types
	}
	writer, err := schemas.NewWriter(ctx, def, c.registry)
	if passingSchemaError(err) {
		return nil, nil, err
	}
	if err == nil {
		options.Encode = writer.Encode
	} else if len(list) == 0 && !lacksFiles(def) {
		list = append(list, schemaFinding(def, err))
	}
	plan, found := topology.Compile(def, options)
	list = append(list, found...)
	if plan == nil {
		return nil, list.Sorted(), nil
	}
	readers, err := c.readersOf(def, plan)
	if err != nil && !list.HasErrors() {
		list = append(list, schemaFinding(def, err))
	}
	tables, err := c.tablesOf(def)
	if err != nil && !list.HasErrors() {
		list = append(list, schemaFinding(def, err))
	}
	return &compiledDefinition{plan, readers, tables}, list.Sorted(), nil
}

// lacksFiles reports whether a schema file could not be read, which Parse has
// reported.
func lacksFiles(def *topology.Definition) bool {
	for _, text := range def.Files {
		if text == nil {
			return true
		}
	}
	return false
}

func passingSchemaError(err error) bool {
	return errors.Is(err, schemas.ErrRegistryUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// schemaFinding puts an error about schemas at the message or table that it names.
func schemaFinding(def *topology.Definition, err error) diag.Diagnostic {
	d := diag.Diagnostic{Code: CodeSchema, Pos: def.Pos, Length: 1, Message: err.Error()}
	for _, m := range def.Messages {
		if strings.HasPrefix(err.Error(), "message "+m.Name+":") {
			d.Pos, d.Length = m.Pos, len(m.Name)
		}
	}
	for _, t := range def.Tables {
		if strings.HasPrefix(err.Error(), "table "+t.Name+":") {
			d.Pos, d.Length = t.Pos, len(t.Name)
		}
	}
	return d
}

func (c *definitionCompiler) readersOf(def *topology.Definition, plan *topology.Plan) (map[string]*schemas.Reader, error) {
	out := map[string]*schemas.Reader{}
	for _, topic := range plan.Reads() {
		reader, err := c.reader(topic, def)
		if err != nil {
			return nil, err
		}
		out[topic] = reader
	}
	return out, nil
}

// reader returns the reader of a topic. Definitions that describe the topic
// alike share one, so that a record is decoded once for all of them.
func (c *definitionCompiler) reader(topic string, def *topology.Definition) (*schemas.Reader, error) {
	messages := slices.DeleteFunc(slices.Clone(def.Messages), func(m *topology.Message) bool { return m.Topic != topic })
	key := readerKey(topic, messages, def.Files)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.readers[key]; ok {
		return r, nil
	}
	r, err := schemas.NewReader(messages, def.Files, c.registry, c.plans.Limits.Event)
	if err != nil {
		return nil, err
	}
	c.readers[key] = r
	return r, nil
}

// readerKey tells readers apart by all that they are made of.
func readerKey(topic string, messages []*topology.Message, files map[string][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", topic)
	for _, m := range messages {
		fmt.Fprintf(h, "%q%q%q%q", m.Name, m.Type, m.Format, m.Schema)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q%q", name, files[name])
	}
	return string(h.Sum(nil))
}

// tablesOf returns the tables of a definition, each with a reader for its rows.
func (c *definitionCompiler) tablesOf(def *topology.Definition) ([]tableSource, error) {
	var out []tableSource
	for _, t := range def.Tables {
		source, err := c.table(t, def.Files)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		out = append(out, source)
	}
	return out, nil
}

// table makes the reader of a table's rows: to it, rows are the only message of
// their topic.
func (c *definitionCompiler) table(t *topology.Table, files map[string][]byte) (tableSource, error) {
	rows := []*topology.Message{{Name: "rows", Topic: t.Topic, Format: t.Format, Schema: t.Schema}}
	if t.Schema == "" && t.Format != "" && t.Format != "avro" {
		files = nil // they have no say, and tables that differ in them are one
	}
	key := readerKey(t.Topic, rows, files)
	source := tableSource{name: t.Name, topic: t.Topic, id: fmt.Sprintf("%s#%x", t.Topic, key[:8])}
	c.mu.Lock()
	defer c.mu.Unlock()
	if source.reader = c.readers[key]; source.reader != nil {
		return source, nil
	}
	var err error
	if source.reader, err = schemas.NewReader(rows, files, c.registry, c.plans.Limits.Event); err == nil {
		c.readers[key] = source.reader
	}
	return source, err
}
