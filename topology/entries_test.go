package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology/value"
)

// TestEntriesAreWhatAListWouldHave adds, confirms, removes and renames entries in any
// order, small ones and large ones, and compares with a plain list.
func TestEntriesAreWhatAListWouldHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &entriesModel{t: t, p: &pass{inst: &Instance{}, plan: &Plan{options: Options{Limits: DefaultLimits()}}}}
		for range rapid.IntRange(1, 12).Draw(t, "phases") {
			m.phase()
		}
		for len(m.want) > 0 { // as undoing does
			m.remove(len(m.want) - 1)
		}
		if inst := m.p.inst; len(inst.Parts)+inst.EntryCount()+inst.partBytes+inst.entryBytes > 0 {
			t.Fatalf("something is left: %+v", inst)
		}
	})
}

type entriesModel struct {
	t    *rapid.T
	p    *pass
	want []*Entry
}

// phase is some steps of one kind, so that parts are filled and emptied.
func (m *entriesModel) phase() {
	kind := rapid.SampledFrom([]string{"add", "add", "add", "confirm", "remove", "undo", "rename", "load"}).Draw(m.t, "phase")
	for range rapid.IntRange(1, 90).Draw(m.t, "steps") {
		was := m.p.inst // each step is a decision
		m.p.was = was
		if kind != "add" && len(m.want) == 0 {
			return
		}
		before := slices.Collect(was.AllEntries())
		switch kind {
		case "add":
			m.add()
		case "confirm":
			m.confirm(m.any())
		case "remove":
			m.remove(m.any())
		case "undo":
			m.remove(len(m.want) - 1)
		case "rename":
			m.rename()
		case "load":
			m.load()
		}
		if !slices.Equal(before, slices.Collect(was.AllEntries())) {
			m.t.Fatalf("%s has changed what was before", kind)
		}
	}
}

func (m *entriesModel) any() int { return rapid.IntRange(0, len(m.want)-1).Draw(m.t, "which") }

func (m *entriesModel) vars() *value.Map {
	bytes := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 10_000, 40_000, 80_000}).Draw(m.t, "bytes")
	return value.MapOf(map[string]value.Value{"v": strings.Repeat("v", bytes)})
}

func (m *entriesModel) add() {
	e := &Entry{Seq: m.p.number(), Place: "s", Vars: m.vars()}
	m.p.addEntry(e)
	m.want = append(m.want, e)
	m.check("adding")
}

func (m *entriesModel) confirm(at int) {
	e := *m.want[at]
	e.Done, e.Vars = true, m.vars()
	m.p.replaceEntry(&e)
	m.want[at] = &e
	m.check("confirming")
}

func (m *entriesModel) remove(at int) {
	m.p.removeEntry(m.want[at].Seq)
	m.want = slices.Delete(m.want, at, at+1)
	m.check("removing")
}

func (m *entriesModel) rename() {
	from := m.want[m.any()].Seq
	m.p.changeEntries(func(e *Entry) *Entry {
		if e.Seq < from {
			return e
		}
		other := *e
		other.Place = "renamed"
		return &other
	})
	for i, e := range m.want {
		if e.Seq >= from {
			other := *e
			other.Place = "renamed"
			m.want[i] = &other
		}
	}
	m.check("renaming")
}

// load leaves what is stored, and nothing that is found out from it.
func (m *entriesModel) load() {
	i := m.p.inst
	m.p.inst = &Instance{Entries: i.Entries, Older: i.Older, Parts: i.Parts, PartsMade: i.PartsMade, Made: i.Made}
	m.p.was = m.p.inst
	m.check("loading")
}

func (m *entriesModel) check(after string) {
	m.t.Helper()
	inst := m.p.inst
	same := func(a, b *Entry) bool {
		return a.Seq == b.Seq && a.Place == b.Place && a.Done == b.Done && value.Equal(a.Vars, b.Vars)
	}
	if got := slices.Collect(inst.AllEntries()); !slices.EqualFunc(got, m.want, same) || inst.EntryCount() != len(m.want) {
		m.t.Fatalf("after %s: %s of %d, want %s", after, seqs(got), inst.EntryCount(), seqs(m.want))
	}
	if len(m.want) > 0 {
		below := m.want[m.any()].Seq
		got := slices.Collect(inst.newestFirst(below))
		slices.Reverse(got)
		at, _ := searchEntries(m.want, below)
		if !slices.EqualFunc(got, m.want[:at], same) {
			m.t.Fatalf("after %s: below %d are %s, want %s", after, below, seqs(got), seqs(m.want[:at]))
		}
	}
	m.checkShape(after)
}

// checkShape: neither the instance itself nor a part has too much, or, beside
// another, too little.
func (m *entriesModel) checkShape(after string) {
	inst := m.p.inst
	if n := len(inst.Entries); n >= entriesOpen || n == 0 && inst.Older > 0 || inst.sizeOfEntries() != sizeOf(inst.Entries) {
		m.t.Fatalf("after %s: the instance itself has %d entries of %d bytes, %d older", after, n, inst.sizeOfEntries(), inst.Older)
	}
	bytes, older := 0, 0
	for _, part := range inst.Parts {
		bytes, older = bytes+part.Size(), older+len(part.Entries)
		if n := len(part.Entries); n == 0 || n > entriesPart || n > 1 && part.Size() > entriesBytes {
			m.t.Fatalf("after %s: a part has %d entries of %d bytes", after, n, part.Size())
		}
	}
	if older != inst.Older || bytes != inst.sizeOfParts() {
		m.t.Fatalf("after %s: %d older entries of %d bytes, counted %d of %d", after, inst.Older, inst.sizeOfParts(), older, bytes)
	}
	if most := 2 + 2*older/(entriesPart/2) + 2*bytes/(entriesBytes/2); len(inst.Parts) > most {
		m.t.Fatalf("after %s: %d parts for %d entries of %d bytes", after, len(inst.Parts), older, bytes)
	}
}

func seqs(list []*Entry) string {
	out := make([]int64, len(list))
	for i, e := range list {
		out[i] = e.Seq
	}
	return fmt.Sprint(out)
}

// TestAFewEntriesNeedNoParts: so it is with nearly all instances.
func TestAFewEntriesNeedNoParts(t *testing.T) {
	p := &pass{inst: &Instance{}, plan: &Plan{options: Options{Limits: DefaultLimits()}}}
	for range entriesOpen - 1 {
		p.addEntry(&Entry{Seq: p.number()})
	}
	if len(p.inst.Parts) > 0 {
		t.Errorf("%d entries have %d parts", p.inst.EntryCount(), len(p.inst.Parts))
	}
	p.addEntry(&Entry{Seq: p.number()})
	if len(p.inst.Parts) != 1 || len(p.inst.Entries) != entriesOpen-entriesMoved {
		t.Errorf("one more has %d parts, beside %d entries", len(p.inst.Parts), len(p.inst.Entries))
	}
}

// TestPartsThatBecomeSmallBecomeOne: one between two others may let go of what kept all
// three apart.
func TestPartsThatBecomeSmallBecomeOne(t *testing.T) {
	p := &pass{inst: &Instance{}, plan: &Plan{options: Options{Limits: DefaultLimits()}}}
	large := value.MapOf(map[string]value.Value{"x": strings.Repeat("x", entriesBytes*3/4)})
	for range 5 {
		p.addEntry(&Entry{Seq: p.number(), Vars: large})
	}
	if len(p.inst.Parts) != 4 {
		t.Fatalf("%d parts for %d older entries", len(p.inst.Parts), p.inst.Older)
	}
	for _, seq := range []int64{1, 3, 2} {
		p.replaceEntry(&Entry{Seq: seq})
	}
	if len(p.inst.Parts) != 2 || p.inst.Older != 4 {
		t.Errorf("%d parts for %d older entries, of which one is large", len(p.inst.Parts), p.inst.Older)
	}
}
