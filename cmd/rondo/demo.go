package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"rondo/examples/checkout"
	"rondo/internal/demo"
	"rondo/internal/demo/services"
	"rondo/processor"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a web shop's checkout run on two nodes, and judged exactly once",
		Long: `Run the checkout of examples/checkout from its first order to a verdict: an
embedded Kafka-compatible broker, two nodes as processes of their own, simulated
inventory, payment, shipping and shop services that are slow, refuse, fall
silent, and answer twice or late, and a view of it all.

The verdict is made by reading the topics, not from the nodes' counters: every
order ended in one outcome, every command is there once, what failed is undone,
nothing is left over. The exit code is 1 if it is not so.

With --kill nodes are killed without warning and started again while the orders
run. With --brokers it runs on a Kafka cluster of yours: it creates the topics
shop.*, inventory.*, payment.*, shipping.*, services.ledger and rondo-demo.*
there, and refuses a cluster where such topics exist that are not its own.`,
		Args: noArguments,
	}
	var cfg demo.Config
	var asJSON bool
	flags := cmd.Flags()
	flags.IntVar(&cfg.Orders, "orders", 2000, "orders to be placed")
	flags.Float64Var(&cfg.Rate, "rate", 0, "orders per second (default: all within 20 s, with --kill within 60 s)")
	flags.IntVar(&cfg.Nodes, "nodes", 2, "nodes of the orchestrator")
	flags.BoolVar(&cfg.Kill, "kill", false, "kill nodes without warning while the orders run, and start them again")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "seed of all chance, for the same orders and troubles again (default: another one each time)")
	flags.StringSliceVar(&cfg.Brokers, "brokers", nil, "brokers of a Kafka cluster, host:port, instead of the embedded one")
	flags.BoolVar(&asJSON, "json", false, "print the verdict as one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
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
	cmd.AddCommand(newDemoServices(), newDemoNode())
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

// newDemoNode is a node of the demo: rondo serve, but for one thing. It ends
// when its standard input does, so that it never outlives the demo.
func newDemoNode() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "node",
		Short:  "Run a node of the demo",
		Args:   noArguments,
		Hidden: true,
	}
	name := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file, err := loadConfig(*name, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		go func() {
			// An end and an error both mean that nobody holds the other side.
			_, _ = io.Copy(io.Discard, cmd.InOrStdin())
			stop()
		}()
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		return serve(ctx, file, log, cmd.ErrOrStderr())
	}
	return cmd
}

func newDemoServices() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "services",
		Short: "Run the demo's inventory, payment, shipping and shop services alone",
		Long: `Run the simulated services of examples/checkout against a Kafka cluster, until
they are stopped. The shop places orders if --rate says how many.

They are ordinary Kafka clients: the checkout's topics must exist (rondo topics
apply). Their own topic services.ledger, in which they write down what they did,
they create.`,
		Args: noArguments,
	}
	var brokers []string
	var seed uint64
	var rate float64
	flags := cmd.Flags()
	flags.StringSliceVar(&brokers, "brokers", []string{"localhost:9092"}, "brokers of the Kafka cluster, host:port")
	flags.Uint64Var(&seed, "seed", 1, "seed of all chance")
	flags.Float64Var(&rate, "rate", 0, "orders per second that the shop places")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if rate < 0 {
			return usagef("--rate is %g: give a number of orders per second, or 0 for none", rate)
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return runServices(ctx, brokers, seed, rate, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	}
	return cmd
}

// createLedger creates the services' own topic where it is missing.
func createLedger(ctx context.Context, brokers []string) error {
	cfg := processor.Config{App: "checkout", Brokers: brokers}
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

// manyOrders is more than any shop places in its life.
const manyOrders = 1 << 40

func runServices(ctx context.Context, brokers []string, seed uint64, rate float64, log *slog.Logger) error {
	schemas, err := fs.Sub(checkout.Files, "schemas")
	if err != nil {
		return fmt.Errorf("find the payment schemas: %w", err)
	}
	if err := createLedger(ctx, brokers); err != nil {
		return err
	}
	cfg := services.Config{Brokers: brokers, Schemas: schemas, Seed: seed, Group: "checkout", Log: log}
	trio, err := services.New(cfg)
	if err != nil {
		return err
	}
	shop, err := services.NewShop(cfg)
	if err != nil {
		trio.Close()
		return err
	}
	log.Info("services run", "brokers", brokers, "rate", rate)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return trio.Run(ctx) })
	group.Go(func() error { return shop.Run(ctx) })
	if rate > 0 {
		group.Go(func() error {
			run := fmt.Sprintf("o%x-", time.Now().Unix())
			if err := shop.Place(ctx, run, manyOrders, rate); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}
