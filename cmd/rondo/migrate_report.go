package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"rondo/internal/operate"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

// migrationReport is what `rondo migrate` and `check --live` tell, and -o json
// prints.
type migrationReport struct {
	Workflow  string             `json:"workflow"`
	To        string             `json:"to"` // the version
	Counts    migrationCounts    `json:"counts"`
	Acts      *actCounts         `json:"acts,omitempty"` // none: nothing was written
	Instances []migratedInstance `json:"instances"`
}

// migrationCounts says how many instances there are of each fate.
type migrationCounts struct {
	Kept    int `json:"kept"`
	Mapped  int `json:"mapped"`
	Afresh  int `json:"afresh"`
	Refused int `json:"refused"`
	Already int `json:"already"` // they have the version, and are not listed
}

// actCounts says what became of the acts that were written.
type actCounts struct {
	Written     int `json:"written"`
	Moved       int `json:"moved"`
	Refused     int `json:"refused"`
	Outstanding int `json:"outstanding"` // nobody has decided on them yet
}

// migratedInstance is one instance, what would become of it, and what did.
type migratedInstance struct {
	Key     string            `json:"key"`
	Version string            `json:"version"`
	Status  string            `json:"status"`
	Fate    topology.StepFate `json:"fate"`
	Stays   []placeChange     `json:"stays,omitempty"`
	Afresh  []placeChange     `json:"afresh,omitempty"`
	// Otherwise are steps that it has done and that the version undoes in another
	// way.
	Otherwise []placeChange `json:"undoneOtherwise,omitempty"`
	Refused   []string      `json:"refused,omitempty"`

	Act     string `json:"act,omitempty"`     // topic/partition/offset
	Outcome string `json:"outcome,omitempty"` // moved, refused, outstanding
	Why     string `json:"why,omitempty"`     // it was refused

	places string // for people
}

// placeChange is the name of a place in either version.
type placeChange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Outcomes of acts.
const (
	actMoved       = "moved"
	actRefused     = "refused"
	actOutstanding = "outstanding"
)

func newMigrationReport(target *topology.Plan, judged operate.Judged) *migrationReport {
	def := target.Definition()
	r := &migrationReport{Workflow: def.Name, To: processor.VersionText(def.Version), Instances: []migratedInstance{}}
	r.Counts.Already = judged.Already
	for _, v := range judged.Verdicts {
		r.Instances = append(r.Instances, migratedInstance{
			Key: v.Instance.Key, Version: processor.VersionText(v.Instance.Version), Status: string(v.Instance.Status),
			Fate: v.Fate(), Stays: placeChanges(v.Stays), Afresh: placeChanges(v.Afresh), Otherwise: placeChanges(v.Otherwise), Refused: v.Refused, places: v.Places(),
		})
		*r.Counts.of(v.Fate())++
	}
	return r
}

func (c *migrationCounts) of(fate topology.StepFate) *int {
	switch fate {
	case topology.FateKept:
		return &c.Kept
	case topology.FateMapped:
		return &c.Mapped
	case topology.FateAfresh:
		return &c.Afresh
	}
	return &c.Refused
}

func placeChanges(list []topology.StepMapping) []placeChange {
	var out []placeChange
	for _, s := range list {
		out = append(out, placeChange{s.Old, s.New})
	}
	return out
}

// note notes what became of the act on an instance, which may have the version by
// now.
func (r *migrationReport) note(i *migratedInstance, result operate.Result, there bool) {
	i.Act = result.Written.String()
	switch why := result.Refusal(); {
	case result.Outcome == nil:
		i.Outcome = actOutstanding
		r.Acts.Outstanding++
	case why != "" && !there:
		i.Outcome, i.Why = actRefused, why
		r.Acts.Refused++
	default:
		i.Outcome, i.Why = actMoved, ""
		r.Acts.Moved++
	}
}

// clean reports whether all can move, and all did that were to.
func (r *migrationReport) clean() bool {
	return r.Counts.Refused == 0 && (r.Acts == nil || r.Acts.Refused+r.Acts.Outstanding == 0)
}

// writePlan tells people what would become of the instances, a line for each fate
// and place; each instance with each.
func (r *migrationReport) writePlan(w io.Writer, each bool) error {
	if _, err := fmt.Fprintf(w, "%s, %s to version %s:\n\n", r.Workflow, diag.Count(len(r.Instances), "living instance"), r.To); err != nil {
		return err
	}
	write := r.writeGroups
	if each {
		write = r.writeEach
	}
	if err := write(w); err != nil {
		return err
	}
	c := r.Counts
	text := fmt.Sprintf("%d kept, %d mapped, %d afresh, %d refused", c.Kept, c.Mapped, c.Afresh, c.Refused)
	if c.Already > 0 {
		text += fmt.Sprintf("; %d had version %s already", c.Already, r.To)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

func (r *migrationReport) writeEach(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range r.Instances {
		fmt.Fprintf(table, "  %s\tversion %s\t%s\t%s\t%s\n", i.Key, i.Version, i.Status, i.Fate, i.places)
	}
	return endTable(w, table, len(r.Instances))
}

// endTable ends a table with an empty line, unless it has no rows.
func endTable(w io.Writer, table *tabwriter.Writer, rows int) error {
	if err := table.Flush(); err != nil || rows == 0 {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// migrationGroup are instances with the same fate at the same places.
type migrationGroup struct {
	fate   topology.StepFate
	places string
	keys   []string
}

func (r *migrationReport) groups() []*migrationGroup {
	var out []*migrationGroup
	for _, fate := range []topology.StepFate{topology.FateKept, topology.FateMapped, topology.FateAfresh, topology.FateRefused} {
		at := map[string]*migrationGroup{}
		for _, i := range r.Instances {
			if i.Fate != fate {
				continue
			}
			g := at[i.places]
			if g == nil {
				g = &migrationGroup{fate: fate, places: i.places}
				at[i.places] = g
				out = append(out, g)
			}
			g.keys = append(g.keys, i.Key)
		}
	}
	return out
}

func (r *migrationReport) writeGroups(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	groups := r.groups()
	for _, g := range groups {
		fmt.Fprintf(table, "  %s\t%d\t%s\t%s\n", g.fate, len(g.keys), g.places, fewOf(g.keys))
	}
	return endTable(w, table, len(groups))
}

// fewOf names the first of many.
func fewOf(keys []string) string {
	const shown = 3
	if len(keys) <= shown {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(keys[:shown], ", "), len(keys)-shown)
}

// writeActs tells people what became of the acts.
func (r *migrationReport) writeActs(w io.Writer) error {
	if r.Acts == nil {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range r.Instances {
		if i.Outcome == actRefused || i.Outcome == actOutstanding {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", i.Key, i.Outcome, i.Why)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d moved, %d refused, %d outstanding\n", r.Acts.Moved, r.Acts.Refused, r.Acts.Outstanding)
	return err
}
