package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"rondo/internal/demo"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/processor"
)

func newDemo() *cobra.Command {
	stories := demo.Stories()
	cmd := newStory(stories[0])
	cmd.Use, cmd.Args, cmd.Example = "demo", unknownCommand, examplesOf("rondo demo")
	cmd.Short = "See a story run on two nodes, and judged exactly once"
	cmd.Long = "Play a story of examples/: without a name,\n" + stories[0].Short + ".\n\n" + cmd.Long
	for _, s := range stories {
		cmd.AddCommand(newStory(s))
	}
	cmd.AddCommand(newDemoServices(), newNodeChild("node", "Run a node of the demo"))
	return cmd
}

// examplesOf are ways to play a story.
func examplesOf(command string) string {
	return "  " + command + "\n  " + command + " --kill --seed 42\n  " + command + " --brokers localhost:9092 --json"
}

// newStory is the command that plays a story.
func newStory(s *story.Story) *cobra.Command {
	cmd := &cobra.Command{
		Use:   s.Name(),
		Short: "See " + s.Short,
		Long: s.Long + `

With --kill nodes are killed without warning and started again meanwhile. With
--brokers it runs on a Kafka cluster of yours: it creates the topics that
examples/` + s.Name() + ` names, services.ledger, and its own there, and refuses a
cluster where such topics exist that are not its own.`,
		Example: examplesOf("rondo demo " + s.Name()),
		Args:    noArguments,
	}
	cfg := demo.Config{Story: s}
	var asJSON bool
	flags := cmd.Flags()
	flags.IntVar(&cfg.Count, s.Load.Flag, s.Load.Default, s.Load.Usage)
	flags.Float64Var(&cfg.Rate, "rate", 0,
		fmt.Sprintf("%s per second (default: all within 20 s, with --kill within 60 s, but at least %.0f)", s.Load.Flag, s.Load.RateMin))
	flags.IntVar(&cfg.Nodes, "nodes", 2, "nodes of the orchestrator")
	flags.BoolVar(&cfg.Kill, "kill", false, "kill nodes without warning while the story runs, and start them again")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "seed of all chance, for the same events and troubles again (default: another one each time)")
	flags.StringSliceVar(&cfg.Brokers, "brokers", nil, "brokers of a Kafka cluster, host:port, instead of the embedded one")
	flags.BoolVar(&asJSON, "json", false, "print the verdict as one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := aboveZero(flags, s.Load.Flag, "nodes"); err != nil {
			return err
		}
		cfg, err := cfg.WithDefaults()
		if err != nil {
			return usageError(err)
		}
		executable, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program to run nodes with: %w", err)
		}
		cfg.Executable, cfg.NodeArgs = executable, []string{"demo", "node"}
		cfg.Progress, cfg.Width = cmd.ErrOrStderr(), columnsOf(cmd.ErrOrStderr())
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return runDemo(ctx, cfg, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// columnsOf tells how wide the terminal is that w writes to; nil if w is none
// on which one can draw. Without colors one can.
func columnsOf(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80
		}
		return columns
	}
}

func runDemo(ctx context.Context, cfg demo.Config, asJSON bool, stdout, stderr io.Writer) error {
	outcome, err := demo.Run(ctx, cfg)
	if outcome.Home != "" {
		defer fmt.Fprintf(stderr, "logs and data of the nodes are kept in %s\n", outcome.Home)
	}
	if ctx.Err() != nil {
		return &failure{exitInterrupted, errors.New("the demo was interrupted: there is no verdict")}
	}
	if err != nil {
		return err
	}
	write := outcome.Report.WriteText
	if asJSON {
		write = outcome.Report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if !outcome.Report.Clean() {
		return said(exitFailed)
	}
	return nil
}

func newDemoServices() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "services [STORY]",
		Short: "Run the simulated services of a story alone",
		Long: `Run the simulated services of a story of examples/ (without a name: of the
checkout) against a Kafka cluster, until they are stopped. They put on a load if
--rate says how much.

They are ordinary Kafka clients: the story's topics must exist (rondo topics
apply). Their own topic services.ledger, in which they write down what they did,
they create. They wait for brokers that go away.`,
		Example: `  rondo demo services --brokers localhost:9092 --rate 10
  rondo demo services overheat-guard --seed 42`,
		Args: atMostOne("STORY"),
	}
	var brokers []string
	var seed uint64
	var rate float64
	flags := cmd.Flags()
	flags.StringSliceVar(&brokers, "brokers", []string{"localhost:9092"}, "brokers of the Kafka cluster, host:port")
	flags.Uint64Var(&seed, "seed", 1, "seed of all chance")
	flags.Float64Var(&rate, "rate", 0, "load per second: orders that are placed, machines that are started …")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := notBelowZero(flags, "rate"); err != nil {
			return err
		}
		s, err := storyOf(args)
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return runServices(ctx, s, brokers, seed, rate, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	}
	return cmd
}

// storyOf is the story that the arguments name, the first one if they name none.
func storyOf(args []string) (*story.Story, error) {
	stories := demo.Stories()
	if len(args) == 0 {
		return stories[0], nil
	}
	var names []string
	for _, s := range stories {
		if s.Name() == args[0] {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, usagef("there is no story %q: give one of %s", args[0], strings.Join(names, ", "))
}

// createLedger creates the services' own topic where it is missing.
func createLedger(ctx context.Context, app string, brokers []string) error {
	cfg := processor.Config{App: app, Brokers: brokers}
	if _, err := processor.Preflight(ctx, cfg); err != nil {
		return err
	}
	client, err := cfg.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	return services.CreateLedger(ctx, kadm.NewClient(client))
}

// muchLoad is more than is ever put on.
const muchLoad = 1 << 40

func runServices(ctx context.Context, s *story.Story, brokers []string, seed uint64, rate float64, log *slog.Logger) error {
	schemas, err := s.Schemas()
	if err != nil {
		return err
	}
	if err := createLedger(ctx, s.Name(), brokers); err != nil {
		return err
	}
	cast, err := s.Open(services.Config{Brokers: brokers, Schemas: schemas, Seed: seed, Group: s.Name(), Log: log, Presence: services.NewPresence(log)})
	if err != nil {
		return err
	}
	log.Info("services run", "story", s.Name(), "brokers", brokers, "rate", rate)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return cast.Run(ctx) })
	if rate > 0 {
		group.Go(func() error {
			run := fmt.Sprintf("o%x-", time.Now().Unix())
			if cast.Prepare != nil {
				if err := cast.Prepare(ctx, run); err != nil {
					return err
				}
			}
			if err := cast.Play(ctx, run, muchLoad, rate); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}
