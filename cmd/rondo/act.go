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
		Short: "Act on one instance: cancel, pause, resume, retry, set variables and more",
		Long: `Act on one instance. The act is a record on the inbox, with who did it and why;
the node that owns the instance decides it, and it becomes part of the history.

  cancel      raise the error cancelled: what was done is undone
  terminate   end at once, undoing nothing
  pause       decide nothing more; what comes is kept
  resume      go on; --shift moves relative timers by the length of the stop
  retry       of an incident: decide its input again, with the newest variables
  skip        of an incident: take the step as done
  fail        of an incident: raise an error there; --data is its name, or
              {"name":…, "message":…, "data":…}
  set         set variables: --data '{"card":"c-2"}'
  jump        go on at --step
  migrate     move to version --to

Exit code 1 says that the act was refused, that it ended in an incident, or that
nobody decided on it in time (it stays in the inbox, and is decided as soon as a
node is there).`,
		Args:      oneKind,
		ValidArgs: operate.Kinds,
	}
	application := addApplicationFlags(cmd)
	named := instanceFlags(cmd)
	reason := cmd.Flags().String("reason", "", "why, for the history")
	principal := cmd.Flags().String("principal", whoAmI(), "who does it, for the history")
	cmd.Flag("principal").DefValue = "user@host"
	step := cmd.Flags().String("step", "", "of jump: where to go on")
	data := cmd.Flags().String("data", "", "of set and fail: JSON")
	version := cmd.Flags().Int("to", 0, "of migrate: the version")
	shift := cmd.Flags().Bool("shift", false, "of resume: move relative timers by the length of the stop")
	wait := cmd.Flags().Bool("wait", true, "wait until it was decided, and say what came of it")
	timeout := cmd.Flags().Duration("timeout", 10*time.Second, "how long to wait")
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
		if text := operate.CheckAct(act); text != "" {
			return usagef("%s", text)
		}
		cfg, err := application.load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
		defer cancel()
		if !*wait {
			*timeout = 0
		}
		order := operate.Order{Workflow: to.Workflow, Key: to.Key, Act: act}
		return carryOut(ctx, cfg, order, *timeout, cmd.OutOrStdout())
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

// carryOut writes an order and waits for its decision; a timeout of 0 does not.
func carryOut(ctx context.Context, cfg processor.Config, order operate.Order, timeout time.Duration, w io.Writer) error {
	if err := operate.CheckWorkflow(ctx, cfg, order.Workflow); err != nil {
		return err
	}
	sender, err := operate.NewSender(cfg)
	if err != nil {
		return err
	}
	defer sender.Close()
	home, err := sender.Home(ctx, order.Key)
	if err != nil {
		return err
	}
	var watch *audit.Watch
	if timeout > 0 {
		if watch, err = audit.NewWatch(ctx, cfg, home); err != nil {
			return err
		}
		defer watch.Close()
	}
	written, err := sender.Send(ctx, order)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s of %s written to %s\n", order.Act.Kind, order.Address(), written[0]); err != nil || watch == nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	outcome, err := watch.Await(waiting, written[0].Partition, written[0].Offset)
	if errors.Is(err, audit.ErrNotYet) {
		return fmt.Errorf("nobody has decided on it within %s: it stays in the inbox; is a node running, and its partition not halted?", timeout)
	}
	if err != nil {
		return err
	}
	return tellOutcome(w, outcome)
}

// tellOutcome says what an act has done; one that was refused is a failure.
func tellOutcome(w io.Writer, o audit.Outcome) error {
	if o.Dead != nil && o.Decision == nil {
		return fmt.Errorf("refused: %s (%s)", o.Dead.Text, o.Dead.Reason)
	}
	v, err := audit.DecisionViewOf(*o.Decision)
	if err != nil {
		return err
	}
	if v.Dead != nil {
		return fmt.Errorf("refused: %s (%s)", v.Dead.Text, v.Dead.Reason)
	}
	if _, err = io.WriteString(w, v.Tell()); err != nil || v.Fault == nil {
		return err
	}
	return fmt.Errorf("the instance stands still: %s: %s", v.Fault.Kind, v.Fault.Text)
}
