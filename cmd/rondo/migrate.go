package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rondo/internal/operate"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate WORKFLOW --to N",
		Short: "Move living instances to another version of their workflow",
		Long: `Move living instances to another version of their workflow, which says in its
migrate how. Each instance is judged first, and what becomes of it is told, by
step: kept and mapped ones go on waiting (mapped: under another name), afresh
ones begin the wait anew, refused ones cannot move, and stay as they are.

Then an act is written for each that can move, and the node that owns the
instance decides it: one that has moved on meanwhile is judged again. The
command waits for the decisions, and tells of those that were refused or are
outstanding. Outstanding ones stay in the inbox. Who gives the same command
again moves only what has not moved yet.

With --dry-run nothing is written. Exit code 1 says that an instance cannot
move, or that an act was refused or is outstanding.

` + whereHelp,
		Example: `  rondo migrate checkout --to 2 --dry-run
  rondo migrate checkout --to 2 --where 'declines > 1' --limit 10 --reason "T-1"`,
		Args: oneWorkflow,
	}
	application := addApplicationFlags(cmd)
	to := cmd.Flags().Int("to", 0, "the version to move to")
	m := migration{filter: addInstanceFilter(cmd)}
	cmd.Flags().IntVar(&m.from, "from", 0, "only instances of this version")
	cmd.Flags().StringVar(m.filter.key, "key", "", "only the instance with this key")
	cmd.Flags().IntVar(&m.limit, "limit", 0, "move at most so many; 0: all")
	cmd.Flags().BoolVar(&m.dry, "dry-run", false, "say which can move, and move none")
	cmd.Flags().BoolVarP(&m.each, "verbose", "v", false, "tell of each instance, and not of how many there are at each step")
	wait := waitFlags(cmd, "wait until the acts were decided, and say what came of them", 30*time.Second)
	reason, principal := actFlags(cmd)
	form := jsonFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *to < 1 {
			return usagef("rondo migrate needs the version to move to: --to N")
		}
		err := notBelowZero(cmd.Flags(), "limit", "from")
		if err != nil {
			return err
		}
		if m.asJSON, err = form(); err != nil {
			return err
		}
		if m.cfg, err = application.load(); err != nil {
			return err
		}
		if m.wait, err = wait(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience+m.wait)
		defer cancel()
		*m.filter.workflow = args[0]
		m.act = topology.Act{Kind: operate.Migrate, Principal: *principal, Reason: *reason, Data: int64(*to)}
		return m.run(ctx, *to, cmd.OutOrStdout(), cmd.ErrOrStderr())
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
	cfg               processor.Config
	filter            instanceFilter
	from, limit       int
	dry, each, asJSON bool
	wait              time.Duration // for the decisions; 0: it does not
	act               topology.Act
}

func (m migration) run(ctx context.Context, to int, stdout, stderr io.Writer) error {
	plans, err := operate.DeployedPlans(ctx, m.cfg, *m.filter.workflow)
	if err != nil {
		return err
	}
	target, err := plans.Version(to)
	if err != nil {
		return err
	}
	judged, err := m.judge(ctx, plans, target, stderr)
	if err != nil {
		return err
	}
	report := newMigrationReport(target, judged)
	if !m.asJSON {
		if err := report.writePlan(stdout, m.each); err != nil {
			return err
		}
	}
	if !m.dry {
		if err := m.move(ctx, to, report, stdout); err != nil {
			return err
		}
	}
	if err := m.tell(report, stdout); err != nil {
		return err
	}
	if !report.clean() {
		return said(exitFailed)
	}
	return nil
}

// judge looks at the instances that the flags choose.
func (m migration) judge(ctx context.Context, plans operate.Plans, target *topology.Plan, stderr io.Writer) (operate.Judged, error) {
	chosen, where, err := m.filter.holds(ctx, m.cfg)
	if err != nil {
		return operate.Judged{}, err
	}
	judged, err := operate.Judge(ctx, m.cfg, plans, target, func(i *topology.Instance) bool {
		return (m.from == 0 || i.Version == m.from) && chosen(i)
	})
	tellFailures(stderr, where)
	return judged, err
}

// move writes the acts, and waits for what becomes of them.
func (m migration) move(ctx context.Context, to int, report *migrationReport, stdout io.Writer) error {
	var orders []operate.Order
	var movable []*migratedInstance // of each order
	for n := range report.Instances {
		i := &report.Instances[n]
		if i.Fate != topology.FateRefused && (m.limit == 0 || len(orders) < m.limit) {
			orders = append(orders, operate.Order{Workflow: report.Workflow, Key: i.Key, Act: m.act})
			movable = append(movable, i)
		}
	}
	report.Acts = &actCounts{Written: len(orders)}
	if len(orders) == 0 {
		return nil
	}
	results, err := operate.CarryOut(ctx, m.cfg, m.wait, orders, func([]operate.Result) error {
		if m.asJSON {
			return nil
		}
		_, err := fmt.Fprintf(stdout, "%s written\n", diag.Count(len(orders), "act"))
		return err
	})
	if err != nil {
		return err
	}
	return m.count(ctx, to, report, movable, results)
}

// count notes what became of each act. One that was refused of an instance that has
// the version by now is one that came too late: somebody has moved it.
func (m migration) count(ctx context.Context, to int, report *migrationReport, movable []*migratedInstance, results []operate.Result) error {
	var there map[string]bool
	for n, r := range results {
		why := r.Refusal()
		if why != "" && there == nil {
			var err error
			if there, err = operate.HaveVersion(ctx, m.cfg, report.Workflow, to); err != nil {
				return err
			}
		}
		report.note(movable[n], r, there[r.Order.Key])
	}
	return nil
}

// tell prints what is not told yet.
func (m migration) tell(report *migrationReport, stdout io.Writer) error {
	switch {
	case m.asJSON:
		return printJSON(stdout, report)
	case m.wait == 0 || report.Acts == nil || report.Acts.Written == 0:
		return nil
	}
	return report.writeActs(stdout)
}

// judgeLive says of every living instance whether it can come to versions that need
// not be deployed yet.
func judgeLive(ctx context.Context, cfg processor.Config, targets []*topology.Plan) ([]*migrationReport, error) {
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	var out []*migrationReport
	for _, target := range targets {
		plans, err := operate.DeployedPlans(ctx, cfg, target.Definition().Name)
		if err != nil {
			return nil, err
		}
		judged, err := operate.Judge(ctx, cfg, plans, target, func(*topology.Instance) bool { return true })
		if err != nil {
			return nil, err
		}
		out = append(out, newMigrationReport(target, judged))
	}
	return out, nil
}
