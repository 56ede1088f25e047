package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
	"rondo/topology/value"
)

// tableSource is a table as one definition describes it. Definitions that
// describe a topic alike share the table that is held.
type tableSource struct {
	name   string // in the definition
	topic  string
	id     string // of what is held: the topic, and how its records are read
	reader *schemas.Reader
}

// tables are the compacted topics that a node holds whole, each with a reader of
// its own, whatever the number of lanes. Kafka Streams calls one a GlobalKTable.
//
// A table is read to its end before anything is decided by it; from then on it
// follows its topic. What a decision has looked up is written to the history,
// for the table may say something else a moment later.
type tables struct {
	shared *shared
	log    *slog.Logger

	mu      sync.Mutex // guards what follows; never held across I/O
	held    map[string]*table
	ctx     context.Context // of the readers; nil before start
	readers sync.WaitGroup
}

func newTables(s *shared) *tables {
	return &tables{shared: s, log: s.config.Log, held: map[string]*table{}}
}

// start lets readers run until ctx ends; wait returns when they have.
func (t *tables) start(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx = ctx
}

func (t *tables) wait() { t.readers.Wait() }

// follow begins to hold the tables of all definitions that it does not hold yet.
func (t *tables) follow(sources []tableSource) {
	for _, source := range sources {
		t.hold(source)
	}
}

// hold returns the table of a source, and begins to read it if nobody has.
func (t *tables) hold(source tableSource) *table {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.held[source.id]; known != nil {
		return known
	}
	fresh := newTable(t.shared, source)
	t.held[source.id] = fresh
	ctx := t.ctx
	t.readers.Go(func() { fresh.run(ctx) })
	return fresh
}

// forget drops what the store holds of tables that no definition names any more.
// It is called before any is read.
func (t *tables) forget(sources []tableSource) error {
	names, err := t.shared.store.Tables()
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.ContainsFunc(sources, func(s tableSource) bool { return s.id == name }) {
			continue
		}
		t.log.Info("a table is no longer used", "table", name)
		if err := t.shared.store.Table(name).Wipe(); err != nil {
			return err
		}
	}
	return nil
}

// await returns when all tables that are held were read to their end, or ctx
// ends; says hears what it waits for.
func (t *tables) await(ctx context.Context, says func(what string)) error {
	for {
		what := t.loading()
		if what == "" {
			return nil
		}
		says(what)
		if err := pause(ctx, tableLookEvery); err != nil {
			return err
		}
	}
}

// loading says which table was not read to its end yet, and how much is left; ""
// if all were.
func (t *tables) loading() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, held := range t.held {
		if err := held.loaded(); err != nil {
			all = append(all, err.Error())
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// rowsFor returns the tables of a plan for one decision; an error says that one
// was not read to its end yet. Nil rows: the definition has no tables.
func (t *tables) rowsFor(plan *topology.Plan) (*rows, error) {
	sources := t.shared.catalog.tablesOf(plan)
	if len(sources) == 0 {
		return nil, nil
	}
	out := &rows{tables: make(map[string]*table, len(sources))}
	for _, source := range sources {
		held := t.hold(source)
		if err := held.loaded(); err != nil {
			return nil, err
		}
		out.tables[source.name] = held
	}
	return out, nil
}

// rows are the tables of one definition as one decision sees them.
type rows struct {
	tables map[string]*table
	err    error // the first row that could not be read: the decision does not count
}

// Row is topology.Tables.
func (r *rows) Row(name, key string) (value.Value, bool) {
	held := r.tables[name]
	if held == nil {
		return nil, false
	}
	v, found, err := held.row(key)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("look %q up in table %s: %w", key, name, err)
	}
	return v, found
}

// failed says why a decision that was made with these rows does not count. It is
// the table that may be damaged, and not the state of the lane, which acts on that.
func (r *rows) failed() error {
	if r == nil || r.err == nil {
		return nil
	}
	return errors.New(r.err.Error())
}

// row returns the row of a key, from memory if it was asked for lately.
func (t *table) row(key string) (value.Value, bool, error) {
	cached, known, epoch := t.cache.get(key)
	if known {
		return cached.value, cached.found, nil
	}
	raw, found, err := t.store.Row([]byte(key))
	if err != nil || !found {
		if err == nil {
			t.cache.put(key, cachedRow{}, epoch, 0)
		}
		return nil, false, t.damaged(err)
	}
	row, err := schemas.DecodeRow(raw)
	if err != nil {
		return nil, false, t.damaged(errors.Join(statestore.ErrDamaged, err))
	}
	t.cache.put(key, cachedRow{row.Value, true}, epoch, len(raw))
	return row.Value, true, nil
}

// damaged has a table that cannot be read any more read anew from its topic.
func (t *table) damaged(err error) error {
	if errors.Is(err, statestore.ErrDamaged) {
		t.again.Store(true)
		t.ready.Store(false)
	}
	return err
}

// What bounds the decoded rows of one table: up to twice cachedRows are kept,
// none of them larger than cachedBytes as stored.
const cachedRows = 4096

// cachedRow is a row, or the knowledge that there is none.
type cachedRow struct {
	value value.Value
	found bool
}

// rowCache remembers decoded rows. Lanes fill it while the table's reader
// changes the rows beneath: what was read from the store before a change must
// not be put in after it, which epochs tell.
type rowCache struct {
	mu         sync.Mutex // guards what follows
	epoch      uint64     // of the last change
	young, old map[string]cachedRow
}

// get returns what is known of a key, and the epoch to put under what is read
// from the store otherwise.
func (c *rowCache) get(key string) (row cachedRow, known bool, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if row, known = c.young[key]; known {
		return row, true, c.epoch
	}
	if row, known = c.old[key]; known {
		c.insert(key, row)
	}
	return row, known, c.epoch
}

// put remembers what the store said, unless rows have changed meanwhile.
func (c *rowCache) put(key string, row cachedRow, epoch uint64, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch == c.epoch && bytes <= cachedBytes {
		c.insert(key, row)
	}
}

func (c *rowCache) insert(key string, row cachedRow) {
	if c.young == nil || len(c.young) >= cachedRows {
		c.young, c.old = make(map[string]cachedRow), c.young
	}
	c.young[key] = row
	delete(c.old, key)
}

// changed forgets keys whose rows have changed in the store.
func (c *rowCache) changed(keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, key := range keys {
		delete(c.young, key)
		delete(c.old, key)
	}
}

// clear forgets all.
func (c *rowCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.young, c.old = nil, nil
}
