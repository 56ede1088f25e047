package topology_test

import (
	"os"
	"strings"
	"testing"
)

// rows are the rules of who takes an event, in their order, what meets in a race, and
// what `again` does: each with the transcripts that show it. Rows that are not decided
// here say where they are tested.
var rows = []struct{ row, transcripts string }{
	// What cannot be decoded: schemas.TestUndecodableSaysWhatAPersonNeeds; a tombstone without a type: TestRecordWithoutATypeIsTheOnlyMessageOrTheOneWhoseWhenHolds.
	{"a record that is no message, a tombstone", "rule_01_no_message_fits rule_01_tombstone"},
	{"key, keys, another key", "rule_02_key rule_02_correlate rule_02_correlate_early"},
	{"timers that are not armed, acts", "rule_03_timers_and_acts"},
	{"no instance", "rule_04_no_instance rule_04_early_duration"},
	{"ended but kept", "rule_05_ended_but_kept rule_12_again_after_the_end"},
	{"stopped", "rule_06_stopped rule_06_stopped_by_an_incident"},
	{"duplicate", "rule_07_duplicate"},
	{"exact reply", "rule_08_exact_reply rule_08_exact_reply_in_a_branch rule_08_late_reply"},
	{"waiting steps", "rule_09_longest_waiting_first race_two_waiting_steps"},
	{"anytime", "rule_10_anytime rule_10_anytime_then rule_10_anytime_then_leaves_a_fork"},
	{"early", "rule_11_early rule_11_early_in_a_branch rule_11_held_limit rule_11_oldest_first rule_11_refused_is_not_another rule_11_then_of_an_expression"},
	{"a start message again", "rule_12_again_never rule_12_again_ended rule_12_again_queue rule_12_again_restart"},
	{"late, or refused by `when`", "rule_13_late rule_13_refused_is_only_counted rule_13_a_when_that_fails_is_false"},
	{"running to rest", "rest_untils_in_order rule_11_oldest_first"},

	{"reply and timeout in one batch", "race_reply_before_timeout race_timeout_before_reply"},
	{"reply to attempt 1 while 2 is out, or in backoff", "race_reply_to_first_attempt race_reply_in_backoff"},
	{"two waiting steps fit", "race_two_waiting_steps"},
	{"waiting step and anytime fit", "race_step_and_anytime"},
	{"anytime, deadline or cancel while branches wait", "race_interrupt_while_branches_wait race_deadline_while_branches_wait race_cancel_while_branches_wait"},
	{"the same during that catch or undoing", "race_interrupt_during_catch race_interrupt_during_undoing race_terminate_during_catch race_terminate_during_undoing"},
	{"late success behind in-doubt undoing", "race_late_success_behind_undoing"},
	{"a reply to an earlier visit of the same step", "race_reply_to_earlier_visit"},

	{"again, the key alive", "rule_12_again_never rule_12_again_ended rule_12_again_queue rule_12_again_restart"},
	{"again, ended and kept", "rule_05_ended_but_kept rule_12_again_ended rule_12_again_queue_after_the_end rule_12_again_after_the_end"},
	{"again: queue, however the living one ends", "rule_12_again_queue_of_an_incident rule_12_again_queue_and_acts"},
}

func TestEachRowHasItsTranscripts(t *testing.T) {
	for _, r := range rows {
		for _, name := range strings.Fields(r.transcripts) {
			if _, err := os.Stat("testdata/transcripts/" + name + ".txt"); err != nil {
				t.Errorf("%s: %v", r.row, err)
			}
		}
	}
}
