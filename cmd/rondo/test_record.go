package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"rondo/internal/audit"
	"rondo/internal/suite"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/script"
)

// record prints the history of an instance as a file of tests.
func record(ctx context.Context, cfg processor.Config, name string, stdout, stderr io.Writer) error {
	workflow, key, ok := strings.Cut(name, "/")
	if !ok || workflow == "" || key == "" {
		return usagef("--record %s names no instance: write WORKFLOW/KEY, as checkout/o-1", name)
	}
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	history, err := lastRunOf(ctx, cfg, topology.Address{Workflow: workflow, Key: key})
	if err != nil {
		return err
	}
	def, err := definitionOf(ctx, cfg, history[0])
	if err != nil {
		return err
	}
	plan, found, err := processor.CheckDefinition(ctx, cfg, def)
	if err != nil {
		return err
	}
	if plan == nil {
		return &processor.DefinitionError{List: found}
	}
	wire, err := processor.NewWire(ctx, cfg, def)
	if err != nil {
		return fmt.Errorf("get the schemas of %s: %w", workflow, err)
	}
	happened, err := suite.Happenings(ctx, history, wire)
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	recording, err := script.Record("recorded from "+name, happened, plan)
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	if drift := suite.Drift(history, recording.Sent); drift != "" {
		fmt.Fprintf(stderr, "warning: %s: what nodes do when they were away for a while, a script cannot tell\n", drift)
	}
	_, err = fmt.Fprintf(stdout, "workflow: %s.yaml # version %d\ntests:\n%s", workflow, def.Version, recording.Text)
	return err
}

func lastRunOf(ctx context.Context, cfg processor.Config, of topology.Address) ([]schemas.History, error) {
	entries, err := audit.History(ctx, cfg, of, time.Time{})
	if err != nil {
		return nil, err
	}
	if entries = audit.LastRun(entries); len(entries) == 0 {
		return nil, nothingKnown(of, time.Time{})
	}
	var out []schemas.History
	for _, e := range entries {
		out = append(out, e.History)
	}
	return out, nil
}

// definitionOf is the definition by which a decision was made.
func definitionOf(ctx context.Context, cfg processor.Config, of schemas.History) (*topology.Definition, error) {
	definitions, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, def := range definitions {
		if def.Digest() == of.Definition {
			return def, nil
		}
	}
	return nil, fmt.Errorf("the definition by which %s/%s was decided (%s version %d) is not deployed any more", of.Workflow, of.Key, of.Workflow, of.Version)
}
