package script

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/value"
)

// A branch is named by the way to it: `legs/1` is the second iteration of the loop
// legs, `both/left` a branch of the fork both, `legs/1/inner/0` one within another. A
// reaction of `anytime` has the name of its place; of several the second is …/1.

// branchNames are the names of an instance's branches, in their order; "" for the
// main line, and for what undoes.
func branchNames(i *topology.Instance) []string {
	names := make([]string, len(i.Branches))
	byID := map[int64]string{}
	reactions := map[string]int{}
	for at, b := range i.Branches {
		switch b.Kind {
		case topology.BranchFork:
			names[at] = within(byID[b.Parent], b.Place+"/"+b.Name)
		case topology.BranchIteration:
			names[at] = within(byID[b.Parent], fmt.Sprintf("%s/%d", b.Place, b.Index))
		case topology.BranchAnytime:
			if names[at] = b.Place; reactions[b.Place] > 0 {
				names[at] += fmt.Sprintf("/%d", reactions[b.Place])
			}
			reactions[b.Place]++
		}
		byID[b.ID] = names[at]
	}
	return names
}

func within(outer, name string) string {
	if outer == "" {
		return name
	}
	return outer + "/" + name
}

// variables are those that a branch sees, by its name; those of the workflow for "".
// It is false if there is no such branch.
func variables(i *topology.Instance, branch string) (*value.Map, bool) {
	if branch == "" {
		return i.Vars, true
	}
	names := branchNames(i)
	at := slices.Index(names, branch)
	if at < 0 {
		return nil, false
	}
	out := i.Vars
	for outer, name := range names {
		if name == branch || name != "" && strings.HasPrefix(branch, name+"/") && isOuter(i, i.Branches[at], i.Branches[outer]) {
			for variable, v := range i.Branches[outer].Vars.All() {
				out = out.With(variable, v)
			}
		}
	}
	return out, true
}

// isOuter reports whether b was begun by outer, or by a branch that was.
func isOuter(i *topology.Instance, b, outer *topology.Branch) bool {
	for b.Parent != b.ID {
		at := slices.IndexFunc(i.Branches, func(other *topology.Branch) bool { return other.ID == b.Parent })
		if at < 0 {
			return false
		}
		if b = i.Branches[at]; b == outer {
			return true
		}
	}
	return false
}

// missingBranch says that there is no such branch, and which there are.
func missingBranch(i *topology.Instance, branch string) string {
	text := fmt.Sprintf("there is no branch %s", branch)
	names := slices.DeleteFunc(branchNames(i), func(name string) bool { return name == "" })
	if len(names) > 0 {
		text += "; there is " + shortList(names)
	}
	return text
}
