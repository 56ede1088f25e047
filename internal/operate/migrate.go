package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rondo/internal/audit"
	"rondo/processor"
	"rondo/topology"
)

// Verdict says whether one instance can come to a version.
type Verdict struct {
	Instance *topology.Instance
	topology.Migrating
}

// Possible reports whether the instance can come.
func (v Verdict) Possible() bool { return len(v.Refused) == 0 }

// String is the verdict in one line.
func (v Verdict) String() string {
	var how []string
	for _, a := range v.Afresh {
		how = append(how, fmt.Sprintf("%s is entered afresh as %s", a.Old, a.New))
	}
	for _, o := range v.Otherwise {
		how = append(how, fmt.Sprintf("%s, which is done, would be undone as %s in another way", o.Old, o.New))
	}
	switch {
	case !v.Possible():
		return "cannot: " + strings.Join(v.Refused, "; ")
	case len(how) > 0:
		return "can: " + strings.Join(how, "; ")
	}
	return "can"
}

// Plans are the compiled versions of one workflow.
type Plans map[int]*topology.Plan

// DeployedPlans compiles the deployed versions of a workflow. Their schemas do
// not matter here.
func DeployedPlans(ctx context.Context, cfg processor.Config, workflow string) (Plans, error) {
	if err := CheckWorkflow(ctx, cfg, workflow); err != nil {
		return nil, err
	}
	defs, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return nil, err
	}
	out := Plans{}
	for _, def := range defs {
		if def.Name != workflow {
			continue
		}
		plan, list := topology.Compile(def, cfg.PlanOptions())
		if plan == nil {
			return nil, &processor.DefinitionError{List: list}
		}
		out[def.Version] = plan
	}
	return out, nil
}

// Version returns the plan of one version, or says which there are.
func (p Plans) Version(version int) (*topology.Plan, error) {
	if plan := p[version]; plan != nil {
		return plan, nil
	}
	var there []string
	for v := range p {
		there = append(there, processor.VersionText(v))
	}
	slices.Sort(there)
	return nil, fmt.Errorf("version %s is not deployed: there are %s", processor.VersionText(version), strings.Join(there, ", "))
}

// Judge says of each living instance of the target's workflow that keep lets
// through whether it can come to the target. Instances that have the target's
// version are left out.
func Judge(ctx context.Context, cfg processor.Config, plans Plans, target *topology.Plan, keep func(*topology.Instance) bool) ([]Verdict, error) {
	def := target.Definition()
	found, err := audit.Instances(ctx, cfg, func(i *topology.Instance) bool {
		return i.Workflow == def.Name && i.Desk == "" && !i.Ended() && i.Status != topology.StatusExpected &&
			i.Version != def.Version && keep(i)
	})
	if err != nil {
		return nil, err
	}
	if found.Unreadable > 0 {
		return nil, fmt.Errorf("%d instances were written by a newer version of rondo: use that version", found.Unreadable)
	}
	var out []Verdict
	for _, i := range found.Instances {
		v := Verdict{Instance: i}
		if from := plans[i.Version]; from != nil {
			v.Migrating = target.CanMigrate(from, i)
		} else {
			v.Refused = []string{fmt.Sprintf("has version %s, which is not deployed any more", processor.VersionText(i.Version))}
		}
		out = append(out, v)
	}
	return out, nil
}
