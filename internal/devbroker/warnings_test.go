package devbroker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestBrokerIsSilentAboutItsPace(t *testing.T) {
	var out bytes.Buffer
	log := warnings{kfake.BasicLogger(&out, kfake.LogLevelWarn)}
	log.Logf(kfake.LogLevelWarn, "txn: EndTxn slow pid=%d", 7)
	if out.Len() > 0 {
		t.Errorf("%s", out.String())
	}
	log.Logf(kfake.LogLevelWarn, "compact %s: no space left", "orders")
	if !strings.Contains(out.String(), "compact orders: no space left") {
		t.Errorf("a warning is lost: %q", out.String())
	}
}
