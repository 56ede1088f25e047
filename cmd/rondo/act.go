package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rondo/internal/audit"
	"rondo/internal/operate"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/value"
)

func newAct() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "act KIND WORKFLOW/KEY",
		Short: "Act on one instance: cancel, pause, retry, set variables and more",
		Long: `Act on one instance. The act is a record on the inbox, with who did it and why;
the node that owns the instance decides it, and it becomes part of the history.

  cancel      raise the error cancelled: what was done is undone
  terminate   end at once, undoing nothing
  pause       decide nothing more; what comes is kept
  resume      go on; --shift moves relative timers by the length of the stop
  retry       of an incident: decide its input again, with the newest variables
  skip        of an incident: take the step as done
  fail        of an incident: raise an error there, as raise does; --data is its
              name (failed without it), or {"name":…, "message":…, "data":…}
  set         set variables: --data '{"card":"c-2"}'; of an incident then retry.
              Variables that the retried start sets itself are refused
  jump        go on at --step
  migrate     move to version --to

Exit code 1 says that the act was refused, that it ended in an incident, or that
nobody decided on it in time (it stays in the inbox, and is decided as soon as a
node is there).`,
		Example: `  rondo act pause checkout/o-1 --reason "ticket 4711"
  rondo act set checkout/o-1 --data '{"card":"c-2"}'
  rondo act retry checkout/o-1 --app shop --brokers localhost:9092
  rondo act jump checkout/o-1 --step pay`,
		Args:      oneKind,
		ValidArgs: operate.Kinds,
	}
	application := addApplicationFlags(cmd)
	named := instanceFlags(cmd)
	reason, principal := actFlags(cmd)
	step := cmd.Flags().String("step", "", "of jump: where to go on")
	data := cmd.Flags().String("data", "", "of set and fail: JSON")
	version := cmd.Flags().Int("to", 0, "of migrate: the version")
	shift := cmd.Flags().Bool("shift", false, "of resume: move relative timers by the length of the stop")
	wait := waitFlags(cmd, "wait until it was decided, and say what came of it", 10*time.Second)
	form := jsonFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		to, err := named(args[1:])
		if err != nil {
			return err
		}
		act := topology.Act{Kind: args[0], Principal: *principal, Reason: *reason, Step: *step}
		if act.Data, err = actData(*data, *version); err != nil {
			return err
		}
		if *shift {
			if act.Kind != operate.Resume {
				return usagef("--shift belongs to resume")
			}
			act.Kind = operate.Shift
		}
		if err := notBelowZero(cmd.Flags(), "to"); err != nil {
			return err
		}
		if *version != 0 && act.Kind != operate.Migrate {
			return usagef("--to belongs to migrate")
		}
		if text := operate.CheckAct(act); text != "" {
			return usagef("%s", text)
		}
		a := acting{stdout: cmd.OutOrStdout()}
		if a.wait, err = wait(); err != nil {
			return err
		}
		if a.asJSON, err = form(); err != nil {
			return err
		}
		if a.cfg, err = application.load(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience+a.wait)
		defer cancel()
		return a.carryOut(ctx, operate.Order{Workflow: to.Workflow, Key: to.Key, Act: act})
	}
	return cmd
}

// oneKind asks for the kind of the act, and allows for WORKFLOW/KEY.
func oneKind(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("rondo act needs a KIND, such as pause: see rondo act --help")
	}
	return oneInstance(cmd, args[1:])
}

// actData is what an act carries: JSON, or a version.
func actData(text string, to int) (value.Value, error) {
	switch {
	case text != "" && to != 0:
		return nil, usagef("--data and --to do not go together")
	case to != 0:
		return int64(to), nil
	case text == "":
		return nil, nil
	}
	data, err := value.FromJSON([]byte(text))
	if err != nil {
		return nil, usagef("--data is not JSON: %v; a text stands in quotes, as in --data '\"out-of-stock\"'", err)
	}
	return data, nil
}

// actReport is what `rondo act` tells of an act, and -o json prints.
type actReport struct {
	Act      string              `json:"act"`
	Workflow string              `json:"workflow"`
	Key      string              `json:"key"`
	Record   string              `json:"record"`             // topic/partition/offset
	Outcome  string              `json:"outcome"`            // done, refused, fault, outstanding; sent: it was not waited for
	Why      string              `json:"why,omitempty"`      // it was refused, or the instance stands still
	Decision *audit.DecisionView `json:"decision,omitempty"` // as rondo history shows it
}

// Outcomes of one act.
const (
	outcomeDone        = "done"
	outcomeRefused     = "refused"
	outcomeFault       = "fault"
	outcomeOutstanding = "outstanding"
	outcomeSent        = "sent"
)

// acting is one `rondo act`.
type acting struct {
	cfg    processor.Config
	wait   time.Duration // for the decision; 0: it does not
	asJSON bool
	stdout io.Writer
}

// carryOut writes an order, waits for its decision and tells of it.
func (a acting) carryOut(ctx context.Context, order operate.Order) error {
	if err := operate.CheckWorkflow(ctx, a.cfg, order.Workflow); err != nil {
		return err
	}
	if err := operate.CheckTarget(ctx, a.cfg, order); err != nil {
		return err
	}
	results, err := operate.CarryOut(ctx, a.cfg, a.wait, []operate.Order{order}, func(written []operate.Result) error {
		if a.asJSON {
			return nil
		}
		_, err := fmt.Fprintf(a.stdout, "%s of %s written to %s\n", order.Act.Kind, order.Address(), written[0].Written)
		return err
	})
	if err != nil {
		return err
	}
	report, err := reportOf(results[0], a.wait)
	if err != nil {
		return err
	}
	return a.tell(report)
}

// reportOf says what became of an order that was waited for so long.
func reportOf(r operate.Result, wait time.Duration) (actReport, error) {
	out := actReport{Act: r.Order.Act.Kind, Workflow: r.Order.Workflow, Key: r.Order.Key, Record: r.Written.String(), Outcome: outcomeDone}
	switch {
	case r.Outcome == nil && wait == 0:
		out.Outcome = outcomeSent
		return out, nil
	case r.Outcome == nil:
		out.Outcome = outcomeOutstanding
		out.Why = fmt.Sprintf("nobody has decided on it within %s: it stays in the inbox; is a node running, and its partition not halted?", wait)
		return out, nil
	case r.Outcome.Decision != nil:
		v, err := audit.DecisionViewOf(*r.Outcome.Decision)
		if err != nil {
			return out, err
		}
		out.Decision = &v
		if v.Fault != nil {
			out.Outcome, out.Why = outcomeFault, v.Fault.Kind+": "+v.Fault.Text
		}
	}
	if why := r.Refusal(); why != "" {
		out.Outcome, out.Why = outcomeRefused, why
	}
	return out, nil
}

// tell prints the report; an act that is not done is a failure.
func (a acting) tell(r actReport) error {
	var err error
	switch {
	case a.asJSON:
		err = printJSON(a.stdout, r)
	case r.Decision != nil && r.Outcome != outcomeRefused:
		_, err = io.WriteString(a.stdout, r.Decision.Tell())
	}
	if err != nil {
		return err
	}
	switch r.Outcome {
	case outcomeRefused:
		return fmt.Errorf("refused: %s", r.Why)
	case outcomeFault:
		return fmt.Errorf("the instance stands still: %s", r.Why)
	case outcomeOutstanding:
		return errors.New(r.Why)
	}
	return nil
}

// actFlags add why an act is done, and by whom.
func actFlags(cmd *cobra.Command) (reason, principal *string) {
	reason = cmd.Flags().String("reason", "", "why, for the history")
	principal = cmd.Flags().String("principal", whoAmI(), "who does it, for the history")
	cmd.Flag("principal").DefValue = "user@host"
	return reason, principal
}
