package main

import (
	"fmt"
	"maps"
	"slices"
)

// What is tolerated. Allocations differ a little by what the store does beside an
// operation; ratios of times differ between kinds of processors.
const (
	allocsSlack  = 2    // more allocations than before
	allocsFactor = 1.03 // or as many times as before, whichever is more
	timeFactor   = 1.6  // times the ratio to the reference
)

// finding is a benchmark that is not as it was.
type finding struct {
	name string
	kind string // "allocations", "time", "new", "gone"
	was  float64
	now  float64
}

func (f finding) String() string {
	switch f.kind {
	case "allocations":
		return fmt.Sprintf("%s: %.0f allocations per operation, the baseline has %.0f", f.name, f.now, f.was)
	case "time":
		return fmt.Sprintf("%s: takes %.3g times the reference, in the baseline %.3g times", f.name, f.now, f.was)
	case "new":
		return fmt.Sprintf("%s: is not in the baseline", f.name)
	}
	return fmt.Sprintf("%s: is in the baseline only", f.name)
}

// judge compares with the baseline. With times left out only allocations are.
func judge(baseline, now samples, times bool) []finding {
	var found []finding
	for _, name := range slices.Sorted(maps.Keys(baseline)) {
		was := baseline[name]
		is, ok := now[name]
		if !ok {
			found = append(found, finding{name: name, kind: "gone"})
			continue
		}
		if is.allocs > max(was.allocs+allocsSlack, was.allocs*allocsFactor) {
			found = append(found, finding{name, "allocations", was.allocs, is.allocs})
		}
		if before, after, ok := ratios(baseline, now, name); ok && times && after > before*timeFactor {
			found = append(found, finding{name, "time", before, after})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, ok := baseline[name]; !ok {
			found = append(found, finding{name: name, kind: "new"})
		}
	}
	return found
}

func ratios(baseline, now samples, name string) (before, after float64, ok bool) {
	before, ok = baseline.ratio(name)
	if !ok {
		return 0, 0, false
	}
	after, ok = now.ratio(name)
	return before, after, ok
}

// fewer lists what allocates less than it did: worth a new baseline, so that it
// stays so.
func fewer(baseline, now samples) []finding {
	var found []finding
	for _, name := range slices.Sorted(maps.Keys(baseline)) {
		was, is := baseline[name], now[name]
		if _, ok := now[name]; ok && was.allocs > max(is.allocs+allocsSlack, is.allocs*allocsFactor) {
			found = append(found, finding{name, "allocations", was.allocs, is.allocs})
		}
	}
	return found
}
