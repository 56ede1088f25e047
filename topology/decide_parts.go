package topology

import (
	"cmp"
	"slices"

	"rondo/topology/value"
)

// addPart keeps something as a record of its own and returns its id.
func (p *pass) addPart(part Part) int64 {
	inst := p.edit()
	inst.PartsMade++
	part.ID = inst.PartsMade
	inst.Parts = append(slices.Clip(inst.Parts), &part)
	inst.partBytes += part.Size()
	p.checkPart(&part)
	return part.ID
}

// findPart returns where a part is, or would be.
func (i *Instance) findPart(id int64) (at int, ok bool) {
	return slices.BinarySearchFunc(i.Parts, id, func(part *Part, id int64) int { return cmp.Compare(part.ID, id) })
}

// Size estimates how many bytes a part takes when stored.
func (p *Part) Size() int {
	if len(p.Entries) > 0 {
		return sizeOf(p.Entries)
	}
	return value.Size(p.Value)
}

// part returns the value of a part; null if there is none.
func (i *Instance) part(id int64) value.Value {
	if at, ok := i.findPart(id); ok {
		return i.Parts[at].Value
	}
	return nil
}

// replacePart puts a part in the place of the one with its id, and is larger by so
// many bytes.
func (p *pass) replacePart(part Part, larger int) {
	at, ok := p.inst.findPart(part.ID)
	if !ok {
		return
	}
	inst := p.edit()
	inst.partBytes += larger
	inst.Parts = slices.Clone(inst.Parts)
	inst.Parts[at] = &part
	p.checkPart(&part)
}

// dropPart lets go of a part.
func (p *pass) dropPart(id int64) {
	at, ok := p.inst.findPart(id)
	if !ok {
		return
	}
	inst := p.edit()
	inst.partBytes -= inst.Parts[at].Size()
	inst.Parts = slices.Delete(slices.Clone(inst.Parts), at, at+1)
}

// sizeOfParts is how many bytes the parts take. It is counted once, after an
// instance was loaded, and kept by every change.
func (i *Instance) sizeOfParts() int {
	if i.partBytes > 0 {
		return i.partBytes
	}
	size := 0
	for _, part := range i.Parts {
		size += part.Size()
	}
	return size
}

// addParts keeps the elements of a list and returns the parts that have them.
func (p *pass) addParts(items []any) []int64 {
	var ids []int64
	inst := p.edit()
	inst.Parts = slices.Grow(slices.Clone(inst.Parts), (len(items)+loopPart-1)/loopPart)
	for chunk := range slices.Chunk(items, loopPart) {
		inst.PartsMade++
		part := &Part{ID: inst.PartsMade, Value: slices.Clone(chunk)}
		inst.Parts = append(inst.Parts, part)
		inst.partBytes += part.Size()
		p.checkPart(part)
		ids = append(ids, part.ID)
	}
	return ids
}

// takeItem returns the element of the iteration that begins next. A part whose
// elements have all begun is let go.
func (p *pass) takeItem(loop *Loop) value.Value {
	if len(loop.Items) == 0 {
		return nil
	}
	at := loop.Begun % loopPart
	items, _ := p.inst.part(loop.Items[0]).([]any)
	var item value.Value
	if at < len(items) {
		item = items[at]
	}
	if at+1 >= len(items) {
		p.dropPart(loop.Items[0])
		loop.Items = loop.Items[1:]
	}
	return item
}

// keepResult keeps what the iteration at index has given.
func (p *pass) keepResult(loop *Loop, index int, result *value.Map) {
	which, at := index/loopPart, index%loopPart
	if which >= len(loop.Results) {
		loop.Results = append(slices.Clip(loop.Results), make([]int64, which+1-len(loop.Results))...)
	}
	former, _ := p.inst.part(loop.Results[which]).([]any)
	items := make([]any, max(len(former), at+1))
	copy(items, former)
	items[at] = result
	if loop.Results[which] != 0 {
		null := value.Size(nil)
		p.replacePart(Part{ID: loop.Results[which], Value: items}, (len(items)-len(former)-1)*null+value.Size(result))
		return
	}
	loop.Results = slices.Clone(loop.Results)
	loop.Results[which] = p.addPart(Part{Value: items})
}

// results are the values that finished iterations gave under a name, in the order
// of their index.
func (p *pass) results(loop *Loop, name string) []any {
	out := make([]any, 0, loop.Finished)
	for _, id := range loop.Results {
		items, _ := p.inst.part(id).([]any)
		for _, item := range items {
			if result, finished := item.(*value.Map); finished {
				v, _ := result.Lookup(name)
				out = append(out, v)
			}
		}
	}
	return out
}

// dropParts lets go of all that a loop has kept in parts.
func (p *pass) dropParts(loop *Loop) {
	if len(loop.Items)+len(loop.Results) == 0 {
		return
	}
	inst := p.edit()
	gone := slices.Concat(loop.Items, loop.Results)
	slices.Sort(gone)
	inst.partBytes = inst.sizeOfParts()
	inst.Parts = slices.DeleteFunc(slices.Clone(inst.Parts), func(part *Part) bool {
		_, drop := slices.BinarySearch(gone, part.ID)
		if drop {
			inst.partBytes -= part.Size()
		}
		return drop
	})
}
