package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"rondo/internal/config"
	"rondo/processor"
)

// tell writes one line for the person who changes the files.
func (d *dev) tell(format string, args ...any) error {
	_, err := fmt.Fprintf(d.stdout, format+"\n", args...)
	return err
}

// tellOfPublished says with which version new instances begin from now on, and
// that a workflow which the file no longer holds is left behind.
func (d *dev) tellOfPublished(file string, done processor.Published) error {
	before, ok := d.force[file]
	d.force[file] = done
	if ok && before.Workflow != done.Workflow && !d.holds(before.Workflow) {
		if err := d.tell("%s holds %s now: %s stays in force beside it until the folder %s is removed", file, done.Workflow, versionOf(before), d.data); err != nil {
			return err
		}
	}
	if done.Newest != done.Version {
		return d.tell("%s is published (%s), but new instances begin with version %s, which is newer: give the file a version above it",
			versionOf(done), file, processor.VersionText(done.Newest))
	}
	return d.tell("%s is in force (%s)", versionOf(done), file)
}

// holds reports whether a file holds the workflow.
func (d *dev) holds(workflow string) bool {
	for _, p := range d.force {
		if p.Workflow == workflow {
			return true
		}
	}
	return false
}

func versionOf(p processor.Published) string {
	return p.Workflow + " version " + processor.VersionText(p.Version)
}

// tellOfOthers names the workflows that an earlier run has left in force and
// that no file holds: they still answer to their events. Files that are wrong
// hold what nobody knows, so that nothing is said then.
func (d *dev) tellOfOthers(ctx context.Context) error {
	if len(d.force) < len(d.seen) {
		return nil
	}
	have, err := processor.DeployedDefinitions(ctx, d.cfg)
	if err != nil {
		return err
	}
	others := map[string]bool{}
	for _, def := range have {
		if !d.holds(def.Name) {
			others[def.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if err := d.tell("%s is in force as well, from an earlier run, and no file holds it: to be rid of it remove the folder %s, with all that is in it", name, d.data); err != nil {
			return err
		}
	}
	return nil
}

// tellOfChanges says what the files alone do not: that there is none yet, and
// that one that is gone leaves its workflow in force.
func (d *dev) tellOfChanges(files []definitionFile) error {
	names := map[string]bool{}
	for _, f := range files {
		names[f.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(d.seen)) {
		if names[name] {
			continue
		}
		delete(d.seen, name)
		was, right := d.force[name]
		delete(d.force, name)
		if !right {
			continue
		}
		if err := d.tell("%s is gone: %s stays in force until the folder %s is removed", name, versionOf(was), d.data); err != nil {
			return err
		}
	}
	wasEmpty := d.empty
	if d.empty = len(files) == 0; !d.empty || wasEmpty {
		return nil
	}
	return d.tell("there is no workflow file (*.yaml) in %s yet: rondo init writes one", d.folder)
}

// readConfiguration returns what the folder's configuration holds, "" if there is
// none.
func (d *dev) readConfiguration() (string, error) {
	src, err := os.ReadFile(filepath.Join(d.folder, defaultConfig))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(src), err
}

// tellOfConfiguration says what a change of rondo.yaml means here: only the
// application's name is taken from it, at the start.
func (d *dev) tellOfConfiguration() error {
	now, err := d.readConfiguration()
	if err != nil || now == d.configuration {
		return err
	}
	d.configuration = now
	name, wrong := d.configuredName()
	switch {
	case wrong:
		return d.tell("%s is wrong now: rondo topics plan says what; the application stays %s", defaultConfig, d.app)
	case d.named || name == d.app:
		return d.tell("%s has changed: nothing to do, for rondo dev takes only app from it", defaultConfig)
	}
	return d.tell("%s has changed: restart rondo dev to use app %s in place of %s", defaultConfig, name, d.app)
}

// configuredName is the application's name by the folder's configuration, and
// "dev" without one or where it is wrong.
func (d *dev) configuredName() (name string, wrong bool) {
	file, _, list, err := config.Load(filepath.Join(d.folder, defaultConfig), config.Process())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "dev", false
	case err != nil || len(list) > 0:
		return "dev", true
	}
	return file.Node.App, false
}
