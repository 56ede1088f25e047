package statestore

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if slowness > 1 {
		if err := flag.Set("rapid.checks", fmt.Sprint(100/slowness)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
