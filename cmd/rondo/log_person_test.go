package main

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
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
TIME  dead letter  shop.orders/0/7 is not used (no-key): the key is null
          see: rondo dlq list --app dev --brokers b:1
TIME  the partition waits (for the broker, reason it is away)
TIME  plain
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheFormOfDevsLogIsChecked(t *testing.T) {
	folder(t, nil)
	rondo(t, "dev", "--log", "xml").want(t, exitUsage, "rondo: --log xml is not known: choose text or json")
}
