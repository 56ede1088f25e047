package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// Fate is what becomes of the whole instance: refused, or the most that becomes of
// one of its places.
func (v Verdict) Fate() topology.StepFate {
	switch {
	case len(v.Refused) > 0:
		return topology.FateRefused
	case len(v.Afresh) > 0:
		return topology.FateAfresh
	case slices.ContainsFunc(v.Stays, func(s topology.StepMapping) bool { return s.Old != s.New }):
		return topology.FateMapped
	}
	return topology.FateKept
}

// Places says where the instance stands, or why it cannot come, as people read it.
func (v Verdict) Places() string {
	if len(v.Refused) > 0 {
		return strings.Join(v.Refused, "; ")
	}
	var out []string
	for _, s := range v.Stays {
		if s.Old == s.New {
			out = append(out, s.Old)
		} else {
			out = append(out, s.Old+" → "+s.New)
		}
	}
	for _, s := range v.Afresh {
		out = append(out, s.Old+" → "+s.New+" (anew)")
	}
	text := strings.Join(out, ", ")
	for _, o := range v.Otherwise {
		text += "; " + o.New + ", which is done, is undone in another way"
	}
	return text
}

// Judged are the instances that somebody wants to move.
type Judged struct {
	Verdicts []Verdict
	Already  int // that have the version already
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
	workflow := ""
	for _, plan := range p {
		workflow = plan.Definition().Name
	}
	return nil, errors.New(processor.NoVersion(workflow, version, slices.Collect(maps.Keys(p))))
}

// Judge says of each living instance of the target's workflow that keep lets
// through whether it can come to the target.
func Judge(ctx context.Context, cfg processor.Config, plans Plans, target *topology.Plan, keep func(*topology.Instance) bool) (Judged, error) {
	def := target.Definition()
	var out Judged
	found, err := audit.InstancesWithDone(ctx, cfg, def.Name, func(i *topology.Instance) bool {
		return i.Desk == "" && !i.Ended() && i.Status != topology.StatusExpected && keep(i)
	})
	if err != nil {
		return out, err
	}
	if found.Unreadable > 0 {
		return out, fmt.Errorf("instances were written by a newer version of rondo (%d): use that version", found.Unreadable)
	}
	for _, i := range found.Instances {
		if i.Version == def.Version {
			out.Already++
			continue
		}
		v := Verdict{Instance: i}
		if from := plans[i.Version]; from != nil {
			v.Migrating = target.CanMigrate(from, i, found.Done(i))
		} else {
			v.Refused = []string{fmt.Sprintf("has version %s, which is not deployed any more", processor.VersionText(i.Version))}
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	return out, nil
}

// HaveVersion are the keys of those living instances of a workflow that have a
// version.
func HaveVersion(ctx context.Context, cfg processor.Config, workflow string, version int) (map[string]bool, error) {
	found, err := audit.Instances(ctx, cfg, func(i *topology.Instance) bool {
		return i.Workflow == workflow && i.Desk == "" && !i.Ended() && i.Version == version
	})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, i := range found.Instances {
		out[i.Key] = true
	}
	return out, nil
}
