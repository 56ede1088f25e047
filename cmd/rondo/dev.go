package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		Short: "Try workflows by hand: a broker, a node, files reloaded on change",
		Long: `Start an embedded Kafka-compatible broker on this machine and one node, and run
the workflows of a folder (the current one by default). Send events and read
commands with kcat or any other client.

A file that changes is published as the next change of its version (1+dev.1);
living instances keep what they began with. Topics are created as needed. The
application is called as in the folder's rondo.yaml, of which nothing else is
used. Everything is kept in the folder --data until that is removed. Incidents
and dead letters are told on stderr with the command that helps.

The broker is for trying things out: it is not durable, and not Kafka.`,
		Example: `  rondo dev
  rondo dev examples/checkout --port 0 --http off`,
		Args: atMostOne("FOLDER"),
	}
	var d dev
	cmd.Flags().StringVar(&d.app, "app", "", "name of the application (default: that of FOLDER/rondo.yaml, else dev)")
	cmd.Flags().IntVar(&d.port, "port", 9092, "port of the broker; 0 is any free one")
	cmd.Flags().StringVar(&d.data, "data", ".rondo", "folder where everything is kept between runs")
	cmd.Flags().StringVar(&d.listen, "http", config.DefaultListen, "where /metrics, /livez and /readyz answer, or off")
	logs := addLogFlags(cmd)
	*logs.level = "warn"
	cmd.Flag("log-level").DefValue = "warn"
	cmd.Flag("log").DefValue, cmd.Flag("log").Usage = "", "form of the log on stderr: text or json (default: lines for people at a terminal, else text)"
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
		d.screen = isScreen(d.stderr) && !cmd.Flag("log").Changed
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
	screen                    bool           // a person reads stderr, and did not ask for a log
	person                    *personHandler // who writes for that person; nil without one

	cfg   processor.Config
	empty bool                           // the folder was, when it was last looked at
	seen  map[string]string              // what each file held when it was last looked at
	force map[string]processor.Published // what was published last, by its file

	named         bool   // the command line has named the application
	configuration string // what rondo.yaml held when it was last looked at
}

func (d *dev) run(ctx context.Context) error {
	if info, err := os.Stat(d.folder); err != nil || !info.IsDir() {
		return usagef("%s is no folder: name the one with your workflow files", d.folder)
	}
	if err := d.nameApplication(); err != nil {
		return err
	}
	broker, err := devbroker.Start(devbroker.Config{DataDir: filepath.Join(d.data, "broker"), Port: d.port, Log: d.stderr})
	if err != nil {
		return d.explainBroker(err)
	}
	defer broker.Close()
	if d.screen {
		flags := " --app " + d.app + " --brokers " + broker.Addrs()[0]
		d.person = newPersonHandler(d.stderr, levelOf(d.log), flags)
		d.log = slog.New(d.person)
	}
	d.cfg = processor.Config{
		App: d.app, Brokers: broker.Addrs(), Replication: 1, DataDir: filepath.Join(d.data, "store"),
		SessionTimeout: devSessionTimeout, Log: d.log,
		UnmatchedLevel: slog.LevelWarn, // somebody sits there and waits for something to happen

		From: processor.FromEarliest(), // nothing is missed between a topic's creation and its first reading
	}.WithDefaults()
	if err := d.cfg.Validate(); err != nil {
		return err
	}
	d.seen, d.force = map[string]string{}, map[string]processor.Published{}
	if err := d.prepare(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return d.node(running) })
	group.Go(func() error { return d.watch(running) })
	return unlessStopped(ctx, group.Wait())
}

// explainBroker says what to do where the broker cannot start.
func (d *dev) explainBroker(err error) error {
	switch {
	case errors.Is(err, devbroker.ErrInUse):
		return usageError(fmt.Errorf("%w: stop that one; or, to run beside it, --data OTHER-FOLDER --port 0 --http 127.0.0.1:0", err))
	case errors.Is(err, syscall.EADDRINUSE):
		return usageError(fmt.Errorf("%w: perhaps by another rondo dev; --port 0 takes any free port, and is shown at the start", err))
	}
	return usageError(err)
}

// nameApplication takes the name that the operators' commands take, so that they
// find what runs here. Nothing else of the folder's configuration is used, and
// one that is wrong is for the commands to report that read it.
func (d *dev) nameApplication() (err error) {
	if d.named = d.app != ""; !d.named {
		d.app, _ = d.configuredName()
	}
	d.configuration, err = d.readConfiguration()
	return err
}

// prepare makes the topics and publishes what is in the folder.
func (d *dev) prepare(ctx context.Context) error {
	if err := d.createTopics(ctx, nil); err != nil {
		return err
	}
	if err := d.reload(ctx); err != nil {
		return err
	}
	return d.tellOfOthers(ctx)
}

func (d *dev) node(ctx context.Context) error {
	err := runNode(ctx, d.cfg, endpoints{listen: d.listen}, d.banner)
	if errors.Is(err, syscall.EADDRINUSE) {
		return usagef("%s is in use by another program, perhaps another rondo dev: choose another address with --http, or --http off", d.listen)
	}
	return err
}

func (d *dev) banner(http string) {
	fmt.Fprintf(d.stderr, `
  rondo dev: not for production

  broker       %s
  application  %s
  http         %s
  workflows    %s (reloaded when they change)
  kept in      %s

  kcat -b %[1]s -L
  rondo instances list --app %[2]s --brokers %[1]s

Ctrl-C stops.

`, d.cfg.Brokers[0], d.app, http, d.folder, d.data)
}

// watch publishes files when they change and counts what repeats, until ctx ends.
func (d *dev) watch(ctx context.Context) error {
	ticker := time.NewTicker(devLookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.tellRepeats(time.Now(), 0)
		case <-ticker.C:
		}
		if err := d.reload(ctx); err != nil && ctx.Err() == nil {
			// A file that vanished while it was read is looked at again.
			d.log.Warn("the workflow files cannot be published", "reason", err.Error())
		}
		if err := errors.Join(d.tellOfConfiguration(), d.tellRepeats(time.Now(), tellEvery)); err != nil {
			return err
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
	if err := d.tellOfChanges(files); err != nil {
		return err
	}
	among := siblingFindings(files)
	for _, f := range d.changed(files) {
		for _, d := range among {
			if d.Pos.File == f.name {
				f.findings = append(f.findings, d)
			}
		}
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
	return d.tellOfPublished(f.name, done)
}

// tellRepeats says how often what was told has happened since.
func (d *dev) tellRepeats(now time.Time, interval time.Duration) error {
	if d.person == nil {
		return nil
	}
	return d.person.tellRepeats(now, interval)
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

// levelOf is the level at which a logger begins.
func levelOf(log *slog.Logger) slog.Level {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if log.Enabled(context.Background(), level) {
			return level
		}
	}
	return slog.LevelError
}
