package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"rondo/processor"
)

// commandPatience bounds a command that asks the cluster something and ends.
const commandPatience = 2 * time.Minute

func newDeploy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy FILE…",
		Short: "Check workflow files and publish them to the running application",
		Long: `Check workflow files, or those in folders, and publish them on the definitions
topic: all of them, or none if one is wrong. Nodes take them up at once. New
instances begin with the newest version; living ones keep theirs.

A deployed version never changes. Deploying the same file again does nothing;
another content needs another version.`,
		Example: `  rondo deploy checkout.yaml
  rondo deploy workflows --config rondo.yaml`,
		Args: someFiles,
	}
	name := configFlag(cmd)
	form := jsonFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := form()
		if err != nil {
			return err
		}
		file, err := loadConfig(*name, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		file.Node.TopicsCommand = topicsCommandFor(file.Node, args)
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
		defer cancel()
		published, err := deploy(ctx, file.Node, args, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return showPublished(cmd.OutOrStdout(), asJSON, published)
	}
	return cmd
}

func deploy(ctx context.Context, cfg processor.Config, paths []string, stderr io.Writer) ([]processor.Published, error) {
	defs, plans, err := loadDefinitions(ctx, cfg, paths, stderr)
	if err != nil {
		return nil, err
	}
	if len(defs) == 0 {
		return nil, noWorkflow(paths)
	}
	if _, err := processor.CheckCluster(ctx, cfg); err != nil {
		return nil, err
	}
	if err := processor.CheckTopics(ctx, cfg, plans); err != nil {
		return nil, err
	}
	return processor.Deploy(ctx, cfg, defs, whoAmI())
}

// whoAmI is the person on whose behalf the program runs, for the record.
func whoAmI() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		return name + "@" + host
	}
	return name
}

// deployedVersion is what -o json prints of each definition.
type deployedVersion struct {
	Workflow string `json:"workflow"`
	Version  string `json:"version"`
	New      bool   `json:"new"`
}

func showPublished(w io.Writer, asJSON bool, published []processor.Published) error {
	if asJSON {
		out := []deployedVersion{}
		for _, p := range published {
			out = append(out, deployedVersion{p.Workflow, processor.VersionText(p.Version), p.New})
		}
		return printJSON(w, out)
	}
	for _, p := range published {
		what := "deployed"
		if !p.New {
			what = "was deployed before, nothing to do"
		}
		if p.Newest != p.Version {
			what += "; new instances begin with version " + processor.VersionText(p.Newest) + ", which is newer"
		}
		if _, err := fmt.Fprintf(w, "%s version %s: %s\n", p.Workflow, processor.VersionText(p.Version), what); err != nil {
			return err
		}
	}
	return nil
}
