package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rondo/processor"
	"rondo/topology"
)

// applicationFlags say which application an operator's command is about: the
// one of a configuration file, or one that is named with its brokers.
type applicationFlags struct {
	cmd                  *cobra.Command
	config, app, brokers *string
}

func addApplicationFlags(cmd *cobra.Command) applicationFlags {
	return applicationFlags{
		cmd:     cmd,
		config:  configFlag(cmd),
		app:     cmd.Flags().String("app", "", "name of the application, instead of the configuration's"),
		brokers: cmd.Flags().String("brokers", "", "addresses of brokers, host:port with commas, instead of the configuration's"),
	}
}

// load reads the configuration, unless the flags say all that is needed.
func (f applicationFlags) load() (processor.Config, error) {
	var cfg processor.Config
	if *f.app == "" || *f.brokers == "" || f.cmd.Flags().Changed("config") {
		file, err := loadConfig(*f.config, f.cmd.ErrOrStderr())
		if err != nil {
			return cfg, err
		}
		cfg = file.Node
	}
	if *f.app != "" {
		cfg.App = *f.app
	}
	if *f.brokers != "" {
		cfg.Brokers = nil
		for address := range strings.SplitSeq(*f.brokers, ",") {
			cfg.Brokers = append(cfg.Brokers, strings.TrimSpace(address))
		}
	}
	cfg = cfg.WithDefaults()
	return cfg, cfg.Validate()
}

// question is what a command begins with that asks an application something, and
// tells it as text or as JSON.
type question struct {
	cmd         *cobra.Command
	application applicationFlags
	form        func() (asJSON bool, err error)
}

func addQuestionFlags(cmd *cobra.Command) question {
	return question{cmd, addApplicationFlags(cmd), jsonFlags(cmd)}
}

// put calls ask with the application, for so long as a command may take.
func (q question) put(ask func(ctx context.Context, cfg processor.Config, asJSON bool) error) error {
	asJSON, err := q.form()
	if err != nil {
		return err
	}
	cfg, err := q.application.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(q.cmd.Context(), commandPatience)
	defer cancel()
	return ask(ctx, cfg, asJSON)
}

// waitFlags add how long a command waits for the decision about an act; 0: it does
// not.
func waitFlags(cmd *cobra.Command, text string, usual time.Duration) func() (time.Duration, error) {
	wait := cmd.Flags().Bool("wait", true, text)
	timeout := cmd.Flags().Duration("timeout", usual, "how long to wait")
	return func() (time.Duration, error) {
		switch {
		case !*wait:
			return 0, nil
		case *timeout <= 0:
			return 0, usagef("--timeout %s is no time to wait: give a duration above 0, or --wait=false", *timeout)
		}
		return *timeout, nil
	}
}

// jsonFlags adds -o, and --json for short.
func jsonFlags(cmd *cobra.Command) func() (asJSON bool, err error) {
	output := outputFlag(cmd, "form of the result: text or json")
	short := cmd.Flags().Bool("json", false, "the same as -o json")
	return func() (bool, error) { return *short || *output == "json", checkOutput(*output) }
}

// instanceFlags name one instance, beside WORKFLOW/KEY as an argument.
func instanceFlags(cmd *cobra.Command) func(args []string) (topology.Address, error) {
	workflow := cmd.Flags().String("workflow", "", "name of the workflow, in place of WORKFLOW/KEY")
	key := cmd.Flags().String("key", "", "key of the instance, in place of WORKFLOW/KEY")
	return func(args []string) (topology.Address, error) {
		to := topology.Address{Workflow: *workflow, Key: *key}
		if len(args) == 1 {
			if to != (topology.Address{}) {
				return to, usagef("%s and --workflow or --key do not go together", args[0])
			}
			to.Workflow, to.Key, _ = strings.Cut(args[0], "/") // a key may have more of them
		}
		if to.Workflow == "" || to.Key == "" {
			return to, usagef("%s needs an instance: WORKFLOW/KEY, or --workflow and --key", cmd.CommandPath())
		}
		return to, nil
	}
}

// oneInstance allows for WORKFLOW/KEY.
func oneInstance(cmd *cobra.Command, args []string) error {
	return atMostOne("instance")(cmd, args)
}

// sinceFlag adds --since: a duration before now, or a time.
func sinceFlag(cmd *cobra.Command, text string) func() (time.Time, error) {
	since := cmd.Flags().String("since", "", text+" (24h, or 2026-11-24T06:00:00Z)")
	return func() (time.Time, error) {
		if *since == "" {
			return time.Time{}, nil
		}
		if d, err := time.ParseDuration(*since); err == nil && d > 0 {
			return time.Now().Add(-d), nil
		}
		at, err := time.Parse(time.RFC3339, *since)
		if err != nil {
			return at, usagef("--since %s says no time: write a duration such as 24h, or a time such as 2026-11-24T06:00:00Z", *since)
		}
		return at, nil
	}
}

// printLines prints one JSON object a line.
func printLines[T any](w io.Writer, all []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range all {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// moment shows a time as people read it; "-" if there is none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
