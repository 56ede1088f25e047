package topology

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"rondo/topology/value"
)

// What could be undone is kept in the order of making. Mostly that is little, and the
// instance has it all. One that goes on for a year may have thousands of entries, of
// which a step touches the newest. So the instance itself has no more than the newest
// few, and those that are older are in parts of it, some in each: what a decision
// copies and what is stored because of it does not grow with them.
//
//	Parts: [e1 … e64] [e65 … e96]    Entries: e97 … e112
//
// When the instance itself has too many, the oldest of them go into the newest part,
// or a new one; when it has none, as many come back. Between the two are 8 entries, so
// that none go to and fro.

const (
	entriesOpen  = 24       // so many are too many for the instance itself
	entriesMoved = 16       // so many go into parts, or come back, at once
	entriesPart  = 64       // in one part, at most
	entriesBytes = 64 << 10 // what the instance itself has, and what a part has, takes no more, unless it is a single entry
)

// chunk says in which part some of the older entries are.
type chunk struct {
	from int64 // their numbers are not smaller; those of the parts before are
	part int64 // its id
}

// EntryCount is how many things could be undone.
func (i *Instance) EntryCount() int { return len(i.Entries) + i.Older }

// AllEntries are the things that could be undone, the oldest first.
func (i *Instance) AllEntries() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, c := range i.chunkList() {
			for _, e := range i.entriesIn(c.part) {
				if !yield(e) {
					return
				}
			}
		}
		for _, e := range i.Entries {
			if !yield(e) {
				return
			}
		}
	}
}

// Done are the steps that could be undone, each once, in the order in which they were
// first done. Of an instance without its parts they are those of the newest entries.
func (i *Instance) Done() []string { return stepsOf(i.AllEntries()) }

// Done are the steps of the entries in p, as Instance.Done has them.
func (p *Part) Done() []string { return stepsOf(slices.Values(p.Entries)) }

func stepsOf(entries iter.Seq[*Entry]) []string {
	var out []string
	seen := map[string]bool{} // a loop may have done one step many times
	for e := range entries {
		if !seen[e.Place] {
			seen[e.Place] = true
			out = append(out, e.Place)
		}
	}
	return out
}

// allEntries is beyond the number of any entry.
const allEntries = math.MaxInt64

// newestFirst are the entries with numbers below one, the newest first.
func (i *Instance) newestFirst(below int64) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		if !yieldBackward(i.Entries, below, yield) {
			return
		}
		chunks := i.chunkList()
		for at := chunkOf(chunks, below-1); at >= 0; at-- {
			if !yieldBackward(i.entriesIn(chunks[at].part), below, yield) {
				return
			}
		}
	}
}

func yieldBackward(list []*Entry, below int64, yield func(*Entry) bool) bool {
	end, _ := searchEntries(list, below)
	for _, e := range slices.Backward(list[:end]) {
		if !yield(e) {
			return false
		}
	}
	return true
}

func searchEntries(list []*Entry, seq int64) (at int, found bool) {
	return slices.BinarySearchFunc(list, seq, func(e *Entry, seq int64) int { return cmp.Compare(e.Seq, seq) })
}

// chunkOf is the last chunk whose entries may have a number, or -1.
func chunkOf(chunks []chunk, seq int64) int {
	at, found := slices.BinarySearchFunc(chunks, seq, func(c chunk, seq int64) int { return cmp.Compare(c.from, seq) })
	if found {
		return at
	}
	return at - 1
}

// chunkList is where the older entries are, in their order. It is found out once,
// after an instance was loaded, and kept by every change.
func (i *Instance) chunkList() []chunk {
	if i.chunks != nil || i.Older == 0 {
		return i.chunks
	}
	var chunks []chunk
	for _, part := range i.Parts {
		if len(part.Entries) > 0 {
			chunks = append(chunks, chunk{part.Entries[0].Seq, part.ID})
		}
	}
	slices.SortFunc(chunks, func(a, b chunk) int { return cmp.Compare(a.from, b.from) })
	return chunks
}

// entriesIn are the entries in a part.
func (i *Instance) entriesIn(part int64) []*Entry {
	if at, ok := i.findPart(part); ok {
		return i.Parts[at].Entries
	}
	return nil
}

// spot is where an entry is.
type spot struct {
	chunk int      // which of the chunks; open: none of them
	list  []*Entry // what is there
	at    int      // which of these
}

// open is where the entries are that the instance itself has.
const open = -1

// find finds the entry with a number, mostly one of the newest.
func (i *Instance) find(seq int64) (s spot, ok bool) {
	s = spot{open, i.Entries, 0}
	if len(s.list) == 0 || s.list[0].Seq > seq {
		chunks := i.chunkList()
		if s.chunk = chunkOf(chunks, seq); s.chunk < 0 {
			return s, false
		}
		s.list = i.entriesIn(chunks[s.chunk].part)
	}
	s.at, ok = searchEntries(s.list, seq)
	return s, ok
}

// size estimates how many bytes an entry takes when stored.
func (e *Entry) size() int { return 96 + 24*len(e.Line) + value.Size(e.Vars) }

func sizeOf(list []*Entry) int {
	size := 0
	for _, e := range list {
		size += e.size()
	}
	return size
}

// sizeOfEntries is how many bytes the entries take that the instance itself has. It
// is kept by every change.
func (i *Instance) sizeOfEntries() int {
	if i.entryBytes > 0 {
		return i.entryBytes
	}
	return sizeOf(i.Entries)
}

// addEntry keeps an entry, the newest one.
func (p *pass) addEntry(e *Entry) {
	inst := p.edit()
	list := make([]*Entry, 0, len(inst.Entries)+1)
	inst.Entries = append(append(list, inst.Entries...), e)
	inst.entryBytes += e.size()
	p.putAway()
}

// replaceEntry puts an entry in the place of the one with its number.
func (p *pass) replaceEntry(e *Entry) {
	s, ok := p.inst.find(e.Seq)
	if !ok {
		return
	}
	list := slices.Clone(s.list)
	list[s.at] = e
	p.putEntries(s, list)
}

// removeEntry lets go of the entry with a number.
func (p *pass) removeEntry(seq int64) {
	if s, ok := p.inst.find(seq); ok {
		p.putEntries(s, slices.Delete(slices.Clone(s.list), s.at, s.at+1))
	}
}

// putEntries puts a list in the place of another.
func (p *pass) putEntries(s spot, list []*Entry) {
	inst := p.edit()
	if s.chunk != open {
		p.putOlder(s.chunk, list)
		return
	}
	inst.entryBytes += sizeOf(list) - sizeOf(s.list)
	inst.Entries = list
	p.putAway()
	p.takeBack()
}

// putAway makes parts of the oldest entries that the instance itself has, if these
// are too many or too large. The newest stays.
func (p *pass) putAway() {
	inst := p.edit()
	for n := len(inst.Entries); n >= entriesOpen || n > 1 && inst.entryBytes > entriesBytes; n = len(inst.Entries) {
		n = fitting(inst.Entries[:min(n-1, entriesMoved)])
		p.appendOlder(inst.Entries[:n:n])
		inst.Entries = inst.Entries[n:]
		inst.entryBytes = sizeOf(inst.Entries)
	}
}

// appendOlder puts entries behind all that are in parts.
func (p *pass) appendOlder(list []*Entry) {
	inst := p.edit()
	if last := len(inst.chunks) - 1; last >= 0 {
		both := slices.Concat(inst.entriesIn(inst.chunks[last].part), list)
		if fitting(both) == len(both) {
			p.replaceChunk(last, both)
			return
		}
	}
	p.insertChunk(len(inst.chunks), list)
}

// takeBack lets the instance itself have entries again if it has none.
func (p *pass) takeBack() {
	inst := p.edit()
	if len(inst.Entries) > 0 || len(inst.chunks) == 0 {
		return
	}
	last := len(inst.chunks) - 1
	list := inst.entriesIn(inst.chunks[last].part)
	stay := max(0, len(list)-entriesMoved)
	inst.Entries = list[stay:]
	inst.entryBytes = sizeOf(inst.Entries)
	if stay == 0 {
		p.removeChunk(last)
		return
	}
	p.replaceChunk(last, list[:stay:stay])
	p.merge(last - 1)
}

// fitting is how many of the oldest entries go into one part.
func fitting(list []*Entry) int {
	bytes := 0
	for n, e := range list {
		if bytes += e.size(); n > 0 && (n == entriesPart || bytes > entriesBytes/2) {
			return n
		}
	}
	return len(list)
}

// putOlder puts a list in the place of the entries of a chunk. If these take too
// much by now, they get several parts; if they have become few, one with others.
func (p *pass) putOlder(at int, list []*Entry) {
	switch {
	case len(list) == 0:
		p.removeChunk(at)
		p.merge(at - 1)
	case len(list) > 1 && sizeOf(list) > entriesBytes:
		p.split(at, list)
	default:
		p.replaceChunk(at, list)
		p.merge(at) // with a large entry gone, all three may be little
		p.merge(at - 1)
	}
}

func (p *pass) split(at int, list []*Entry) {
	n := fitting(list)
	p.replaceChunk(at, list[:n:n])
	for list = list[n:]; len(list) > 0; list = list[n:] {
		at++
		n = fitting(list)
		p.insertChunk(at, list[:n:n])
	}
}

// merge puts the entries of a chunk and of the one behind it into one part, if all of
// them are no more than half of what a part can have.
func (p *pass) merge(at int) {
	inst := p.inst
	if at < 0 || at+1 >= len(inst.chunks) {
		return
	}
	both := slices.Concat(inst.entriesIn(inst.chunks[at].part), inst.entriesIn(inst.chunks[at+1].part))
	if len(both) > entriesPart/2 || sizeOf(both) > entriesBytes/2 {
		return
	}
	p.removeChunk(at + 1)
	p.replaceChunk(at, both)
}

// insertChunk makes a part of entries.
func (p *pass) insertChunk(at int, list []*Entry) {
	id := p.addPart(Part{Entries: list})
	inst := p.edit()
	chunks := make([]chunk, 0, len(inst.chunks)+1)
	chunks = append(append(chunks, inst.chunks[:at]...), chunk{list[0].Seq, id})
	inst.chunks = append(chunks, inst.chunks[at:]...)
	inst.Older += len(list)
}

func (p *pass) replaceChunk(at int, list []*Entry) {
	inst := p.edit()
	id := inst.chunks[at].part
	former := inst.entriesIn(id)
	p.replacePart(Part{ID: id, Entries: list}, sizeOf(list)-sizeOf(former))
	inst.Older += len(list) - len(former)
}

func (p *pass) removeChunk(at int) {
	inst := p.edit()
	id := inst.chunks[at].part
	inst.Older -= len(inst.entriesIn(id))
	p.dropPart(id)
	inst.chunks = slices.Delete(slices.Clone(inst.chunks), at, at+1)
}

// changeEntries gives entries other forms; change returns what it is given if nothing
// is to be changed.
func (p *pass) changeEntries(change func(*Entry) *Entry) {
	inst := p.edit()
	for at, c := range inst.chunkList() {
		if list, changed := changedEntries(inst.entriesIn(c.part), change); changed {
			p.replaceChunk(at, list)
		}
	}
	if list, changed := changedEntries(inst.Entries, change); changed {
		inst.Entries, inst.entryBytes = list, sizeOf(list)
	}
}

func changedEntries(list []*Entry, change func(*Entry) *Entry) (out []*Entry, changed bool) {
	for at, e := range list {
		other := change(e)
		if other == e {
			continue
		}
		if !changed {
			out, changed = slices.Clone(list), true
		}
		out[at] = other
	}
	return out, changed
}
