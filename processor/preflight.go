package processor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// preflightPatience is how long a start waits for a broker to answer.
const preflightPatience = 10 * time.Second

// transactionVersion is the feature that KIP-890 completes with level 2: every
// transaction has an epoch of its own, so that a delayed end of one cannot hit
// the next.
const (
	transactionVersion     = "transaction.version"
	transactionVersionMin  = 2
	metadataVersionFeature = "metadata.version"
)

// Preflight asks the cluster whether a node can keep its promise there: that a
// broker can be reached and lets us in, and that its transactions are those of
// Kafka 4. Warnings say what works and could be better. The error is a
// *Refusal wherever a person has to act.
func Preflight(ctx context.Context, cfg Config) (warnings []string, err error) {
	return preflight(ctx, cfg, preflightPatience)
}

func preflight(ctx context.Context, cfg Config, patience time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cl, err := cfg.NewClient(kgo.DialTimeout(patience/2), kgo.RequestTimeoutOverhead(patience/2))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	if err := cl.Ping(ctx); err != nil {
		return nil, cfg.Explain("reach the brokers", err)
	}
	brokers, err := kadm.NewClient(cl).ApiVersions(ctx)
	if err != nil {
		return nil, cfg.Explain("ask the brokers for their version", err)
	}
	return checkFeatures(cfg, brokers)
}

// checkFeatures looks at what the brokers that answered can do. One that does
// not answer now is checked by none: it may be the one being restarted.
func checkFeatures(cfg Config, brokers kadm.BrokersApiVersions) ([]string, error) {
	var warnings []string
	answered := 0
	var last error
	for _, b := range brokers.Sorted() {
		if b.Err != nil {
			last = b.Err
			continue
		}
		answered++
		if err := checkTransactions(b); err != nil {
			return nil, err
		}
		if olderThan(b.Raw(), kversion.V4_3_0()) {
			warnings = append(warnings, fmt.Sprintf("broker %d is older than Kafka 4.3, which mended how the ids of busy transactional producers are renewed (KAFKA-19999): plan the upgrade", b.NodeID))
		}
	}
	if answered == 0 {
		return nil, cfg.Explain("ask the brokers for their version", lastOr(last, kerr.BrokerNotAvailable))
	}
	return warnings, nil
}

func lastOr(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return err
}

func checkTransactions(b kadm.BrokerApiVersions) error {
	raw := b.Raw()
	if supportedLevel(raw, transactionVersion) < transactionVersionMin {
		return refuse(TooOld, nil, "broker %d is too old%s: its transactions can lose or tear data (KIP-890); rondo needs Kafka 4.0 or newer", b.NodeID, guess(b))
	}
	if level := finalizedLevel(raw, transactionVersion); level < transactionVersionMin {
		return refuse(TooOld, nil, "the cluster still uses the transactions of Kafka 3 (%s is %d, rondo needs %d): switch it on with kafka-features.sh --bootstrap-server … upgrade --feature %s=%d",
			transactionVersion, level, transactionVersionMin, transactionVersion, transactionVersionMin)
	}
	return nil
}

// guess names the version of a broker where it is certain.
func guess(b kadm.BrokerApiVersions) string {
	if version := b.VersionGuess(); strings.HasPrefix(version, "v") {
		return " (Kafka " + version[1:] + ")"
	}
	return ""
}

func supportedLevel(raw *kmsg.ApiVersionsResponse, feature string) int16 {
	for _, f := range raw.SupportedFeatures {
		if f.Name == feature {
			return f.MaxVersion
		}
	}
	return 0
}

func finalizedLevel(raw *kmsg.ApiVersionsResponse, feature string) int16 {
	for _, f := range raw.FinalizedFeatures {
		if f.Name == feature {
			return f.MaxVersionLevel
		}
	}
	return 0
}

// olderThan compares the metadata version that a broker supports, which every
// release raises, with that of a release. A broker that does not tell is not
// called old.
func olderThan(raw *kmsg.ApiVersionsResponse, release *kversion.Versions) bool {
	level := supportedLevel(raw, metadataVersionFeature)
	var want int16
	release.EachSupportedFeature(func(name string, _, max int16) {
		if name == metadataVersionFeature {
			want = max
		}
	})
	return level != 0 && level < want
}
