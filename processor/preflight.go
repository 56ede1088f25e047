package processor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// preflightPatience is how long a start waits for a broker that is there and
// does not answer. One that is not there is known at once.
const preflightPatience = 30 * time.Second

// transactionVersion is the feature that KIP-890 completes with level 2: every
// transaction has an epoch of its own, so that a delayed end of one cannot hit
// the next.
const (
	transactionVersion     = "transaction.version"
	transactionVersionMin  = 2
	metadataVersionFeature = "metadata.version"
)

// Preflight asks whether a node can work on the cluster: all that CheckCluster
// asks, and that the node may be a member of its group. A client that may not
// is told nothing: it would wait for partitions for ever.
func Preflight(ctx context.Context, cfg Config) (warnings []string, err error) {
	return preflight(ctx, cfg, preflightPatience, checkGroup)
}

// CheckCluster asks whether the cluster is one on which Rondo can keep its
// promise: that a broker can be reached and lets us in, and that its
// transactions are those of Kafka 4. Warnings say what works and could be
// better. The error is a *Refusal wherever a person has to act.
func CheckCluster(ctx context.Context, cfg Config) (warnings []string, err error) {
	return preflight(ctx, cfg, preflightPatience, nil)
}

func preflight(ctx context.Context, cfg Config, patience time.Duration, more func(context.Context, Config, *kgo.Client) error) ([]string, error) {
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
	warnings, err := checkFeatures(cfg, brokers)
	if err == nil && more != nil {
		err = more(ctx, cfg, cl)
	}
	return warnings, err
}

// checkGroup refuses to start where the group may not be read. That the group
// does not exist yet is usual; what may be done with it is then not told.
func checkGroup(ctx context.Context, cfg Config, cl *kgo.Client) error {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{cfg.App}
	req.IncludeAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return cfg.Explain("join group "+cfg.App, err)
	}
	for _, g := range resp.Groups {
		err := kerr.ErrorForCode(g.ErrorCode)
		if errors.Is(err, kerr.GroupAuthorizationFailed) || err == nil && !mayRead(g.AuthorizedOperations) {
			return cfg.Explain("join group "+cfg.App, kerr.GroupAuthorizationFailed)
		}
	}
	return nil
}

// mayRead looks into the bit field of allowed operations. A broker that does
// not tell is taken to allow it.
func mayRead(operations int32) bool {
	return operations == math.MinInt32 || operations&(1<<kmsg.ACLOperationRead) != 0
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
