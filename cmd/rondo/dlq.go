package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rondo/internal/audit"
	"rondo/internal/operate"
	"rondo/processor"
)

func newDLQ() *cobra.Command {
	return newGroup("dlq", "Look at dead letters, records that could not be used; replay them", newDLQList(), newDLQReplay())
}

// letterFilter chooses dead letters by flags and by their coordinates.
type letterFilter struct {
	flags                   *pflag.FlagSet
	reason, workflow, topic *string
	since                   func() (time.Time, error)
}

func addLetterFilter(cmd *cobra.Command) letterFilter {
	return letterFilter{
		flags:    cmd.Flags(),
		reason:   cmd.Flags().String("reason", "", "only those with this reason, such as undecodable"),
		workflow: cmd.Flags().String("workflow", "", "only those of this workflow"),
		topic:    cmd.Flags().String("topic", "", "only those that came from this topic"),
		since:    sinceFlag(cmd, "only those not older than this"),
	}
}

// empty holds if no flag chooses anything.
func (f letterFilter) empty() bool {
	return !slices.ContainsFunc([]string{"reason", "workflow", "topic", "since"}, f.flags.Changed)
}

func (f letterFilter) find(ctx context.Context, cfg processor.Config, coordinates []string) ([]audit.DeadLetter, error) {
	since, err := f.since()
	if err != nil {
		return nil, err
	}
	return audit.DeadLetters(ctx, cfg, since, func(d audit.DeadLetter) bool {
		return (*f.reason == "" || d.Reason == *f.reason) && (*f.workflow == "" || d.Workflow == *f.workflow) &&
			(*f.topic == "" || d.Source == *f.topic) && (len(coordinates) == 0 || slices.Contains(coordinates, d.Coordinates()))
	})
}

func newDLQList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters with their reasons and where they came from",
		Example: `  rondo dlq list --since 24h
  rondo dlq list --reason undecodable --topic shop.orders -o json`,
		Args: noArguments,
	}
	question := addQuestionFlags(cmd)
	filter := addLetterFilter(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return question.put(func(ctx context.Context, cfg processor.Config, asJSON bool) error {
			found, err := filter.find(ctx, cfg, nil)
			if err != nil {
				return err
			}
			return showLetters(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON, found)
		})
	}
	return cmd
}

// shownLetter is what -o json prints of each dead letter.
type shownLetter struct {
	Letter   string    `json:"letter"` // partition/offset
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`
	Text     string    `json:"text"`
	Source   string    `json:"source"` // topic/partition/offset
	Key      string    `json:"key,omitempty"`
	Workflow string    `json:"workflow,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Bytes    int       `json:"bytes"` // of the payload
	Left     string    `json:"incomplete,omitempty"`
	Replayed string    `json:"replayed,omitempty"` // this was a replay of that dead letter already

	ReplayedAt *time.Time `json:"replayed_at,omitempty"` // when this one was replayed last
}

func showLetters(w, stderr io.Writer, asJSON bool, found []audit.DeadLetter) error {
	var rows []shownLetter
	for _, d := range found {
		row := shownLetter{
			d.Coordinates(), d.At, d.Reason, d.Text, d.SourceCoordinates(), string(d.Record.Key), d.Workflow, d.Instance,
			len(d.Record.Value), d.Incomplete, d.Replayed, nil,
		}
		if !d.ReplayedAt.IsZero() {
			row.ReplayedAt = &d.ReplayedAt
		}
		rows = append(rows, row)
	}
	if asJSON {
		return printLines(w, rows)
	}
	if len(rows) == 0 {
		return sayNone(stderr, "dead letters")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LETTER\tAT\tREASON\tSOURCE\tWORKFLOW\tINSTANCE\tTEXT")
	for _, r := range rows {
		text := r.Text
		if r.Replayed != "" {
			text = "(a replay of " + r.Replayed + ") " + text
		}
		if r.ReplayedAt != nil {
			text = "(replayed at " + moment(r.ReplayedAt) + ") " + text
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Letter, moment(&r.At), r.Reason, r.Source, dash(r.Workflow), dash(r.Instance), text)
	}
	return table.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func newDLQReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay [LETTER…]",
		Short: "Write dead letters back to where they came from",
		Long: `Write dead letters back to the partition of the topic that they came from, with
key, value and headers as they were and the headers rondo-replay, which names
the dead letter, and rondo-replay-for: only the workflow, and the instance, that
had refused the record consider it again. Choose them by LETTER
(partition/offset, as dlq list shows), by the filters, or all with --all. Those
whose payload was left out are read from where they stood, if they are still
there.

What came from the application's own inbox (operators' acts) is replayed only if
its LETTER is named. Dead letters stay where they are; a mark beside each, in
one transaction with the replay, says that it was replayed. So each is replayed
once, also if the command is cut off and run again, unless --again asks for
more: then only messages with an id, or calls, tell the difference.`,
		Example: `  rondo dlq replay 3/17 3/18
  rondo dlq replay --reason undecodable --since 24h --dry-run
  rondo dlq replay --all`,
	}
	application := addApplicationFlags(cmd)
	filter := addLetterFilter(cmd)
	all := cmd.Flags().Bool("all", false, "replay all")
	again := cmd.Flags().Bool("again", false, "also those that were replayed before")
	dry := cmd.Flags().Bool("dry-run", false, "say what would be replayed, and replay nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && filter.empty() && !*all {
			return usagef("rondo dlq replay needs to know which: name LETTERs, a filter, or --all; see rondo dlq replay --help")
		}
		for _, name := range args {
			if !letterName.MatchString(name) {
				return usagef("%s is no dead letter: name it as partition/offset, as rondo dlq list shows it", name)
			}
		}
		cfg, err := application.load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
		defer cancel()
		found, err := filter.find(ctx, cfg, args)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			found = slices.DeleteFunc(found, func(d audit.DeadLetter) bool { return d.Source == cfg.OwnTopics().Inbox })
		}
		for _, name := range args {
			if !slices.ContainsFunc(found, func(d audit.DeadLetter) bool { return d.Coordinates() == name }) {
				return usagef("there is no dead letter %s: rondo dlq list shows them as partition/offset", name)
			}
		}
		if *dry {
			return showReplays(cmd.OutOrStdout(), cmd.ErrOrStderr(), found, *again)
		}
		return replay(ctx, cfg, found, *again, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// showReplays lists the dead letters that were chosen, and says how many a replay
// would write back.
func showReplays(w, stderr io.Writer, found []audit.DeadLetter, again bool) error {
	if err := showLetters(w, stderr, false, found); err != nil {
		return err
	}
	would, before, never := 0, 0, 0
	for _, d := range found {
		switch {
		case d.Source == "":
			never++
		case !again && !d.ReplayedAt.IsZero():
			before++
		default:
			would++
		}
	}
	_, err := fmt.Fprintf(w, "\n%d would be replayed, %d replayed before, %d that cannot be: no record had come\n", would, before, never)
	return err
}

// letterName is how a dead letter is named: partition/offset.
var letterName = regexp.MustCompile(`^[0-9]+/[0-9]+$`)

// replay writes dead letters back; exit code 1 says that one could not be. That one
// was replayed before is no failure: it is as it was to be.
func replay(ctx context.Context, cfg processor.Config, letters []audit.DeadLetter, again bool, stdout, stderr io.Writer) error {
	sender, err := operate.NewSender(cfg)
	if err != nil {
		return err
	}
	defer sender.Close()
	done, before, left := 0, 0, 0
	err = sender.Replay(ctx, letters, again, func(d audit.DeadLetter, to operate.Written, err error) {
		switch {
		case errors.Is(err, operate.ErrReplayed):
			before++
			fmt.Fprintf(stderr, "%s %v; --again replays it again\n", d.Coordinates(), err)
			return
		case err != nil:
			left++
			fmt.Fprintf(stderr, "%s not replayed: %v\n", d.Coordinates(), err)
			return
		}
		done++
		fmt.Fprintf(stdout, "%s replayed to %s\n", d.Coordinates(), to)
	})
	if before > 0 {
		fmt.Fprintf(stdout, "%d replayed before, ", before)
	}
	fmt.Fprintf(stdout, "%d replayed, %d not\n", done, left)
	if err == nil && left > 0 {
		return said(exitFailed)
	}
	return err
}
