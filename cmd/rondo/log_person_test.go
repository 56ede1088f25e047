package main

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAPersonReadsWhatWhereAndWhatToDo(t *testing.T) {
	var out strings.Builder
	log := slog.New(newPersonHandler(&out, slog.LevelWarn, " --app dev --brokers b:1")).With("partition", 3)
	log.Info("not told")
	log.Warn("incident: the instance stands still", "instance", "checkout/o-1", "kind", "expression", "place", "pay", "text", "division by zero")
	log.Warn("dead letter", "record", "shop.orders/0/7", "instance", "", "to", "dev.dead-letters", "reason", "no-key", "text", "the key is null")
	log.WithGroup("g").Warn("the partition waits", "for", "the broker", "reason", "it is away")
	log.Error("plain")
	got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d`).ReplaceAllString(out.String(), "TIME")
	want := `TIME  incident  checkout/o-1 stands still at pay: division by zero
          mend its cause, then: rondo act retry checkout/o-1 --app dev --brokers b:1
TIME  dead letter  shop.orders/0/7 is not used (no-key): the key is null; see rondo dlq list --app dev --brokers b:1
TIME  the partition waits (for the broker, reason it is away)
TIME  plain
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAPersonReadsHowOftenACauseRepeats(t *testing.T) {
	var out strings.Builder
	h := newPersonHandler(&out, slog.LevelWarn, " --app dev --brokers b:1")
	begin := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	happens := func(after time.Duration, message string, fields ...any) {
		t.Helper()
		r := slog.NewRecord(begin.Add(after), slog.LevelWarn, message, 0)
		r.Add(fields...)
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	dead := func(after time.Duration, offset int) {
		happens(after, "dead letter", "record", fmt.Sprintf("shop.orders/0/%d", offset), "instance", "", "reason", "no-key", "text", "the key is null")
	}
	fault := func(after time.Duration, key, place string) {
		happens(after, "incident: the instance stands still", "instance", "checkout/"+key, "kind", "expression", "place", place, "text", "of "+key)
	}
	look := func(after time.Duration) {
		t.Helper()
		if err := h.tellRepeats(begin.Add(after), tellEvery); err != nil {
			t.Fatal(err)
		}
	}
	dead(0, 7)
	fault(0, "o-1", "pay")
	for offset := range 30 {
		dead(time.Second, 8+offset)
	}
	fault(2*time.Second, "o-2", "pay")
	fault(2*time.Second, "o-3", "ship") // another cause
	look(9 * time.Second)               // too early
	look(10 * time.Second)
	dead(11*time.Second, 50) // goes on
	look(20 * time.Second)
	look(30 * time.Second)
	dead(31*time.Second, 51) // after a pause it is new
	dead(32*time.Second, 52)
	if err := h.tellRepeats(begin.Add(33*time.Second), 0); err != nil { // the end
		t.Fatal(err)
	}
	want := `12:00:00  dead letter  shop.orders/0/7 is not used (no-key): the key is null; see rondo dlq list --app dev --brokers b:1
12:00:00  incident  checkout/o-1 stands still at pay: of o-1
          mend its cause, then: rondo act retry checkout/o-1 --app dev --brokers b:1
12:00:02  incident  checkout/o-3 stands still at ship: of o-3
          mend its cause, then: rondo act retry checkout/o-3 --app dev --brokers b:1
12:00:10  30 more dead letters of shop.orders (no-key), the last one shop.orders/0/37
12:00:10  1 more incident of checkout at pay (expression), the last one checkout/o-2
12:00:20  1 more dead letter of shop.orders (no-key), the last one shop.orders/0/50
12:00:31  dead letter  shop.orders/0/51 is not used (no-key): the key is null; see rondo dlq list --app dev --brokers b:1
12:00:33  1 more dead letter of shop.orders (no-key), the last one shop.orders/0/52
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestTheFormOfDevsLogIsChecked(t *testing.T) {
	folder(t, nil)
	rondo(t, "dev", "--log", "xml").want(t, exitUsage, "rondo: --log xml is not known: choose text or json")
}
