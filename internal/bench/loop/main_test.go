package loop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"testing"

	"rondo/internal/bench/loop"
	"rondo/internal/kafkatest"
)

// asChild has the spec of a loop that this process shall be, instead of testing:
// benchmarks measure the loop's processor time apart from the load's.
const asChild = "RONDO_BENCH_LOOP"

func TestMain(m *testing.M) {
	if text := os.Getenv(asChild); text != "" {
		if err := beLoop(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(kafkatest.Main(m))
}

func beLoop(text string) error {
	var spec loop.Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return loop.Run(ctx, spec, os.Stdout)
}
