package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rondo/internal/config"
	"rondo/internal/devbroker"
	"rondo/processor"
	"rondo/topology"
)

// What `rondo dev` differs in from a real application.
const (
	devSessionTimeout = 2 * time.Second        // a node that was killed is missed sooner
	devLookEvery      = 500 * time.Millisecond // for changed files
)

func newDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev [FOLDER]",
		Short: "Try workflows by hand: an embedded broker, one node, definitions reloaded when they change",
		Long: `Start an embedded Kafka-compatible broker on this machine and one node, and run
the workflows of a folder (the current one by default). Send events and read
commands with kcat or any other client.

A file that changes is published as the next change of its version (1+dev.1);
living instances keep what they began with. Topics are created as needed.
Everything is kept in the folder --data until that is removed.

The broker is for trying things out: it is not durable, and not Kafka.`,
		Args: cobra.MaximumNArgs(1),
	}
	var d dev
	cmd.Flags().StringVar(&d.app, "app", "dev", "name of the application")
	cmd.Flags().IntVar(&d.port, "port", 9092, "port of the broker; 0 is any free one")
	cmd.Flags().StringVar(&d.data, "data", ".rondo", "folder where everything is kept between runs")
	cmd.Flags().StringVar(&d.listen, "http", config.DefaultListen, "where /metrics, /livez and /readyz answer, or off")
	logs := addLogFlags(cmd)
	*logs.level = "warn"
	cmd.Flag("log-level").DefValue = "warn"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d.folder = "."
		if len(args) == 1 {
			d.folder = args[0]
		}
		if d.listen == "off" {
			d.listen = ""
		}
		log, err := logs.logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		d.log, d.stdout, d.stderr = log, cmd.OutOrStdout(), cmd.ErrOrStderr()
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return d.run(ctx)
	}
	return cmd
}

// dev is one run of `rondo dev`.
type dev struct {
	app, folder, data, listen string
	port                      int
	log                       *slog.Logger
	stdout, stderr            io.Writer

	cfg  processor.Config
	seen map[string]string // what each file held when it was last looked at
}

func (d *dev) run(ctx context.Context) error {
	if info, err := os.Stat(d.folder); err != nil || !info.IsDir() {
		return usagef("%s is no folder: name the one with your workflow files", d.folder)
	}
	broker, err := devbroker.Start(devbroker.Config{DataDir: filepath.Join(d.data, "broker"), Port: d.port, Log: d.stderr})
	if err != nil {
		return usageError(fmt.Errorf("%w; --port 0 takes any free port, --data another folder", err))
	}
	defer broker.Close()
	d.cfg = processor.Config{
		App: d.app, Brokers: broker.Addrs(), Replication: 1, DataDir: filepath.Join(d.data, "store"),
		SessionTimeout: devSessionTimeout, Log: d.log,
		UnmatchedLevel: slog.LevelWarn, // somebody sits there and waits for something to happen

		From: processor.FromEarliest(), // nothing is missed between a topic's creation and its first reading
	}.WithDefaults()
	if err := d.cfg.Validate(); err != nil {
		return err
	}
	d.seen = map[string]string{}
	if err := d.prepare(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return runNode(running, d.cfg, d.listen, d.banner) })
	group.Go(func() error { return d.watch(running) })
	return unlessStopped(ctx, group.Wait())
}

// prepare makes the topics and publishes what is in the folder.
func (d *dev) prepare(ctx context.Context) error {
	if err := d.createTopics(ctx, nil); err != nil {
		return err
	}
	return d.reload(ctx)
}

func (d *dev) banner(http string) {
	fmt.Fprintf(d.stderr, `
  rondo dev: not for production

  broker     %s
  http       %s
  workflows  %s (reloaded when they change)
  kept in    %s

  kcat -b %[1]s -L lists the topics. Ctrl-C stops.

`, d.cfg.Brokers[0], http, d.folder, d.data)
}

// watch publishes files when they change, until ctx ends.
func (d *dev) watch(ctx context.Context) error {
	ticker := time.NewTicker(devLookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.reload(ctx); err != nil && ctx.Err() == nil {
			// A file that vanished while it was read is looked at again.
			d.log.Warn("the workflow files cannot be published", "reason", err.Error())
		}
	}
}

// reload publishes the workflow files that have changed since it last looked.
// One that is wrong is shown, and what was published before stays in force.
func (d *dev) reload(ctx context.Context) error {
	files, err := readDefinitions([]string{d.folder})
	if err != nil {
		return err
	}
	for _, f := range d.changed(files) {
		if err := d.publish(ctx, f); err != nil {
			delete(d.seen, f.name) // try again at the next look
			return err
		}
	}
	return nil
}

// changed picks out the files that hold something else than last time, their
// schemas included.
func (d *dev) changed(files []definitionFile) []definitionFile {
	var out []definitionFile
	for _, f := range files {
		holds := string(f.src)
		if f.def != nil {
			holds = f.def.Digest() + fmt.Sprint(f.findings)
		}
		if d.seen[f.name] != holds {
			d.seen[f.name] = holds
			out = append(out, f)
		}
	}
	return out
}

func (d *dev) publish(ctx context.Context, f definitionFile) error {
	files := []definitionFile{f}
	plans, err := checkDefinitions(ctx, d.cfg, files)
	if err != nil {
		return err
	}
	if wrong, err := showFindings(d.stderr, files); err != nil || wrong {
		return err
	}
	if err := d.createTopics(ctx, plans); err != nil {
		return err
	}
	done, err := processor.DeployChange(ctx, d.cfg, files[0].def, whoAmI())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.stdout, "%s version %s is in force (%s)\n", done.Workflow, processor.VersionText(done.Version), f.name)
	return err
}

func (d *dev) createTopics(ctx context.Context, plans []*topology.Plan) error {
	client, err := d.cfg.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := processor.PlanTopics(ctx, d.cfg, client, d.cfg.Topics(plans))
	if err != nil {
		return err
	}
	return plan.Apply(ctx, d.cfg, client, d.created)
}

// created tells of the users' topics; our own are of no interest by hand.
func (d *dev) created(t processor.Topic) {
	if !t.Kind.Own() {
		fmt.Fprintf(d.stdout, "created topic %s (%s)\n", t.Name, strings.Join(t.Workflows, ", "))
	}
}
