package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rondo/console"
	"rondo/internal/config"
	"rondo/processor"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node of the application",
		Long: `Run a node: join the application's consumer group and decide on the partitions
that it is given. Any number of nodes share the work, up to the number of
partitions.

SIGTERM (or Ctrl-C) finishes the transaction in flight and leaves the group; a
second one stops at once. The topics must exist: rondo topics apply.`,
		Example: `  rondo serve
  rondo serve --config rondo.yaml --log json --log-level warn`,
		Args: noArguments,
	}
	name := configFlag(cmd)
	logs := addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := logs.logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		file, err := loadConfig(*name, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return serve(ctx, file, log, cmd.ErrOrStderr())
	}
	return cmd
}

// untilSignal ends the context at SIGINT or SIGTERM. From then on a second
// signal ends the process, as if nobody had asked for the first.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func serve(ctx context.Context, file *config.File, log *slog.Logger, stderr io.Writer) error {
	cfg := file.Node
	cfg.Log = log
	defs, _, err := loadDefinitions(ctx, cfg, file.Definitions, stderr)
	if f := new(failure); errors.As(err, &f) && f.code == exitUsage && f.err != nil {
		return usagef("definitions of the configuration: %w", err)
	}
	if err != nil {
		return err
	}
	cfg.Definitions = defs
	return runNode(ctx, cfg, endpoints{file.Listen, file.Profiles}, func(address string) {
		log.Info("starting", "version", programVersion(), "app", cfg.App, "brokers", strings.Join(cfg.Brokers, ","), "http", address)
	})
}

// How much of waiting goes into profiles, where they are switched on: little
// enough to leave the node as it is.
const (
	mutexShare = 100              // one of so many waits for a mutex
	blockEach  = time.Millisecond // one wait for each such time spent waiting
)

// endpoints are the HTTP endpoints of a node.
type endpoints struct {
	listen   string // host:port; "": there are none
	profiles bool
}

// open listens for the node; nil if there are no endpoints.
func (e endpoints) open(node *processor.Node, metrics prometheus.Gatherer, log *slog.Logger) (*console.Server, error) {
	if e.listen == "" {
		return nil, nil
	}
	handler := console.Handler(node, metrics)
	if e.profiles {
		runtime.SetMutexProfileFraction(mutexShare)
		runtime.SetBlockProfileRate(int(blockEach))
		handler = console.WithProfiles(handler)
	}
	server, err := console.Listen(e.listen, handler, log)
	if err != nil {
		return nil, usageError(err)
	}
	return server, nil
}

// runNode runs a node and its HTTP endpoints until ctx ends, which is no error,
// or until one of them fails, and returns when both have stopped. up is told
// where HTTP answers ("off" if it does not).
func runNode(ctx context.Context, cfg processor.Config, web endpoints, up func(address string)) error {
	collectRarely()
	metrics := newMetrics()
	cfg.Metrics = metrics
	node, err := processor.NewNode(cfg)
	if err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	address := "off"
	server, err := web.open(node, metrics, cfg.Log)
	if err != nil {
		return err
	}
	if server != nil {
		address = "http://" + server.Address()
		group.Go(func() error { return server.Run(running) })
	}
	up(address)
	group.Go(func() error { return node.Run(running) })
	return unlessStopped(ctx, group.Wait())
}

// unlessStopped is err, or nil if we were told to stop: what is cut short then
// may end in any error.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// newMetrics is a registry with what every Go program reports.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rondo_build_info", Help: "1, with the program's version as a label.",
			ConstLabels: prometheus.Labels{"version": programVersion()},
		}, func() float64 { return 1 }),
	)
	return r
}
