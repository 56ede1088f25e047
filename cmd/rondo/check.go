package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/diag"
)

// checkDefinitions compiles the parsed files as a node with this configuration
// would, and adds what it finds, also in files that have errors already. The plans
// are those of the files without.
func checkDefinitions(ctx context.Context, cfg processor.Config, files []definitionFile) ([]*topology.Plan, error) {
	var plans []*topology.Plan
	for i := range files {
		f := &files[i]
		if f.def == nil {
			continue
		}
		plan, found, err := processor.CheckDefinition(ctx, cfg, f.def)
		if errors.Is(err, schemas.ErrRegistryUnavailable) {
			return nil, &failure{exitUnreachable, fmt.Errorf("check the schemas of %s: %w", f.name, err)}
		}
		if err != nil {
			return nil, err
		}
		f.findings = append(f.findings, found...).Sorted()
		if !f.findings.HasErrors() {
			plans = append(plans, plan)
		}
	}
	return plans, nil
}

// loadDefinitions reads, parses and checks workflow files for a command that
// wants them right: findings go to stderr, and errors end the command.
func loadDefinitions(ctx context.Context, cfg processor.Config, paths []string, stderr io.Writer) ([]*topology.Definition, []*topology.Plan, error) {
	files, err := readDefinitions(paths)
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	plans, err := checkDefinitions(ctx, cfg, files)
	if err != nil {
		return nil, nil, err
	}
	checkSiblings(files, paths)
	wrong, err := showFindings(stderr, files)
	if err != nil {
		return nil, nil, err
	}
	if wrong {
		return nil, nil, said(exitDefinition)
	}
	if err := checkDistinct(files); err != nil {
		return nil, nil, err
	}
	return definitions(files), plans, nil
}

// checkSiblings adds what the files say wrong of each other. It says nothing of one
// file that was named alone, whose children may be in any other, nor beside a file
// that could not be read, which may be the one that is missing.
func checkSiblings(files []definitionFile, paths []string) {
	if len(files) == 1 && slices.Contains(paths, files[0].name) {
		return
	}
	for _, d := range siblingFindings(files) {
		for i := range files {
			if f := &files[i]; f.name == d.Pos.File {
				f.findings = append(f.findings, d).Sorted()
			}
		}
	}
}

// siblingFindings is what the files say wrong of each other.
func siblingFindings(files []definitionFile) diag.List {
	if slices.ContainsFunc(files, func(f definitionFile) bool { return f.def == nil }) {
		return nil
	}
	return topology.CheckSiblings(definitions(files))
}

// checkDistinct refuses two files that are the same version of one workflow.
func checkDistinct(files []definitionFile) error {
	seen := map[string]string{}
	for _, f := range files {
		id := fmt.Sprintf("%s version %d", f.def.Name, f.def.Version)
		if other, ok := seen[id]; ok && !strings.EqualFold(other, f.name) {
			return &failure{exitDefinition, fmt.Errorf("%s and %s are both %s: remove one, or give it another version", other, f.name, id)}
		}
		seen[id] = f.name
	}
	return nil
}
