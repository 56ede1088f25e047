package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rondo/internal/operate"
	"rondo/processor"
	"rondo/topology"
)

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate WORKFLOW --to N",
		Short: "Move living instances to another version of their workflow",
		Long: `Move living instances to another version of their workflow, which says in its
migrate how. Each instance is judged first: every place where it stands must be
in that version too, under its name or mapped, and wait for the same kind of
thing. Acts are written for those that can; the node that owns an instance
decides, so one that has moved on meanwhile is judged again.

With --dry-run nothing is written. Exit code 1 says that an instance cannot move.

` + whereHelp,
		Args: oneWorkflow,
	}
	application := addApplicationFlags(cmd)
	to := cmd.Flags().Int("to", 0, "the version to move to")
	from := cmd.Flags().Int("from", 0, "only instances of this version")
	filter := instanceFilter{status: new(string)}
	filter.key = cmd.Flags().String("key", "", "only the instance with this key")
	filter.where = cmd.Flags().String("where", "", "only instances for which this condition holds")
	dry := cmd.Flags().Bool("dry-run", false, "say which can move, and move none")
	reason := cmd.Flags().String("reason", "", "why, for the history")
	principal := cmd.Flags().String("principal", whoAmI(), "who does it, for the history")
	cmd.Flag("principal").DefValue = "user@host"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *to < 1 {
			return usagef("rondo migrate needs the version to move to: --to N")
		}
		cfg, err := application.load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
		defer cancel()
		filter.workflow = &args[0]
		m := migration{cfg: cfg, workflow: args[0], to: *to, from: *from, filter: filter,
			act: topology.Act{Kind: operate.Migrate, Principal: *principal, Reason: *reason, Data: int64(*to)}}
		return m.run(ctx, *dry, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func oneWorkflow(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s needs one WORKFLOW: see %s --help", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// migration is what one run of `rondo migrate` shall do.
type migration struct {
	cfg      processor.Config
	workflow string
	to, from int
	filter   instanceFilter
	act      topology.Act
}

func (m migration) run(ctx context.Context, dry bool, stdout, stderr io.Writer) error {
	plans, err := operate.DeployedPlans(ctx, m.cfg, m.workflow)
	if err != nil {
		return err
	}
	target, err := plans.Version(m.to)
	if err != nil {
		return err
	}
	where, err := m.filter.condition(ctx, m.cfg)
	if err != nil {
		return err
	}
	verdicts, err := operate.Judge(ctx, m.cfg, plans, target, func(i *topology.Instance) bool {
		return (m.from == 0 || i.Version == m.from) && (*m.filter.key == "" || i.Key == *m.filter.key) && (where == nil || where.Holds(i))
	})
	if err != nil {
		return err
	}
	if where != nil {
		if n, first := where.Failures(); n > 0 {
			fmt.Fprintf(stderr, "note: the condition fails over %d instances, which are left out; the first is %v\n", n, first)
		}
	}
	if err := showVerdicts(stdout, verdicts); err != nil {
		return err
	}
	written := 0
	if !dry {
		if written, err = m.write(ctx, verdicts); err != nil {
			return err
		}
	}
	return summarize(stdout, verdicts, written)
}

// write orders the move of those that can.
func (m migration) write(ctx context.Context, verdicts []operate.Verdict) (int, error) {
	sender, err := operate.NewSender(m.cfg)
	if err != nil {
		return 0, err
	}
	defer sender.Close()
	var orders []operate.Order
	for _, v := range verdicts {
		if v.Possible() {
			orders = append(orders, operate.Order{Workflow: m.workflow, Key: v.Instance.Key, Act: m.act})
		}
	}
	written, err := sender.Send(ctx, orders...)
	return len(written), err
}

func showVerdicts(w io.Writer, verdicts []operate.Verdict) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range verdicts {
		fmt.Fprintf(table, "%s\tversion %s\t%s\t%s\n", v.Instance.Address(), processor.VersionText(v.Instance.Version), v.Instance.Status, v)
	}
	return table.Flush()
}

// summarize counts; exit code 1 says that one was refused.
func summarize(w io.Writer, verdicts []operate.Verdict, written int) error {
	can := 0
	for _, v := range verdicts {
		if v.Possible() {
			can++
		}
	}
	if _, err := fmt.Fprintf(w, "%d instances: %d can move, %d cannot; %d acts written\n", len(verdicts), can, len(verdicts)-can, written); err != nil {
		return err
	}
	if can < len(verdicts) {
		return said(exitFailed)
	}
	return nil
}

// checkLive says of every living instance whether it can come to a version that
// need not be deployed yet. Exit code 1 says that one cannot.
func checkLive(ctx context.Context, cfg processor.Config, target *topology.Plan, w io.Writer) error {
	plans, err := operate.DeployedPlans(ctx, cfg, target.Definition().Name)
	if err != nil {
		return err
	}
	verdicts, err := operate.Judge(ctx, cfg, plans, target, func(*topology.Instance) bool { return true })
	if err != nil {
		return err
	}
	if err := showVerdicts(w, verdicts); err != nil {
		return err
	}
	return summarize(w, verdicts, 0)
}

// checkAllLive is checkLive for several versions; all are told of.
func checkAllLive(ctx context.Context, cfg processor.Config, targets []*topology.Plan, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	var worst error
	for _, target := range targets {
		err := checkLive(ctx, cfg, target, w)
		if f := new(failure); err != nil && !errors.As(err, &f) {
			return err
		}
		worst = cmp.Or(worst, err)
	}
	return worst
}
