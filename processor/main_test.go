package processor_test

import (
	"os"
	"testing"

	"rondo/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
