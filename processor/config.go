package processor

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rondo/topology"
)

// What a Config holds where it says nothing.
const (
	DefaultPartitions         = 8
	DefaultReplication        = 3
	DefaultDataDir            = "rondo-data"
	DefaultSessionTimeout     = 10 * time.Second
	DefaultTransactionTimeout = 10 * time.Second
	DefaultHistoryPayload     = 16 << 10
)

// NoHistoryPayload as Config.HistoryPayload keeps every payload out of the
// history.
const NoHistoryPayload = -1

// ownMessageBytes is max.message.bytes of our own topics: an instance, or a
// batch of one transaction, may be larger than the broker's default.
const ownMessageBytes = 4 << 20

// maxPartitions bounds Config.Partitions: one node may have to own all of them,
// each with a goroutine, a cache and its share of a transaction.
const maxPartitions = 1024

// Config is what the nodes of one application are told. Every field says what
// it means, what can go wrong with it, and what it is when left empty. All
// nodes of an application must agree on App, Partitions and Sources.
type Config struct {
	// App names the application: its topics begin with it, and its consumer
	// group and transactional ids are made of it. 1 to 200 of a-z A-Z 0-9 . _ -
	//
	// Danger: another name is another application, which knows nothing of the
	// instances of the first. Two applications must not share a name.
	//
	// Default: none, it must be given.
	App string

	// Brokers are addresses, host:port, from which the others are found.
	//
	// Danger: with only one, that broker's absence keeps a node from starting.
	//
	// Default: none, at least one must be given.
	Brokers []string

	// Partitions is how many parts the application's state has, which is also
	// how many nodes can share the work.
	//
	// Danger: it is fixed by the first `rondo topics apply`; a node refuses to
	// start when it finds another number.
	//
	// Default: 8.
	Partitions int

	// Replication is the number of copies of every topic that is created.
	//
	// Danger: with fewer than 3, the loss of one broker's disk can lose
	// instances. With more than there are brokers, no topic can be created.
	//
	// Default: 3.
	Replication int

	// DataDir is the folder of the local store. What it holds can always be
	// had again from the changelog.
	//
	// Danger: two nodes must not share one. A node that finds its folder empty
	// reads the whole changelog of its partitions before it decides.
	//
	// Default: rondo-data, in the working directory.
	DataDir string

	// Definitions are published when the node starts, unless they are already.
	//
	// Danger: the node refuses to start if one of them was deployed with the
	// same version and another content.
	//
	// Default: none; the node runs what the definitions topic holds.
	Definitions []*topology.Definition

	// TLS encrypts the connections to the brokers. nil is plain text.
	TLS *TLS

	// SASL logs in at the brokers. nil is no login.
	SASL *SASL

	// Registry is the schema registry of the users' records. nil is none:
	// records in its wire format are dead letters then.
	Registry *Registry

	// SessionTimeout is how long a silent node keeps its partitions.
	//
	// Danger: short, a pause of the machine moves partitions for nothing. Long,
	// the partitions of a dead node stand still for as long. The broker's
	// group.min.session.timeout.ms (6s) and group.max.session.timeout.ms bound it.
	//
	// Default: 10s.
	SessionTimeout time.Duration

	// TransactionTimeout is how long the broker lets a transaction stay open
	// that nobody ends.
	//
	// Danger: readers of the topics see nothing behind an open transaction. A
	// long one delays them after a crash; a short one aborts the work of a slow
	// broker again and again.
	//
	// Default: 10s.
	TransactionTimeout time.Duration

	// HistoryPayload is up to how many bytes of an input's payload the history
	// keeps with the record's coordinates. NoHistoryPayload keeps none.
	//
	// Danger: what is not kept is gone from the audit when the source topic's
	// retention has passed. What is kept stays as long as the history does,
	// personal data included.
	//
	// Default: 16 KiB.
	HistoryPayload int

	// Limits bound what one instance may ask for.
	//
	// Danger: nodes of one application with different limits decide differently,
	// and so does whoever decides again for an audit.
	//
	// Default: topology.DefaultLimits, also for each field that is zero.
	Limits topology.Limits

	// Sources are settings of single input topics, by topic.
	Sources map[string]Source

	// From is where the reading of topics begins that Sources does not name.
	//
	// Default: latest.
	From From

	// TopicsCommand is what messages tell an operator to run where topics are
	// missing.
	//
	// Default: rondo topics apply.
	TopicsCommand string

	// UnmatchedLevel is the level at which the first record of each type is
	// logged that fits no message of any definition.
	//
	// Default: info.
	UnmatchedLevel slog.Level

	// Log receives what an operator may have to act on; payloads never.
	//
	// Default: slog.Default().
	Log *slog.Logger

	// Metrics is where the node's metrics are registered.
	//
	// Default: a registry of its own, which nobody reads.
	Metrics prometheus.Registerer
}

// TLS is how connections to the brokers are encrypted.
type TLS struct {
	// CA is a PEM file with the authorities that may have signed the brokers'
	// certificates. Default: those of the system.
	CA string
	// Cert and Key are PEM files by which the node shows who it is. They are
	// read again for each connection, so that renewed files need no restart.
	// Default: none.
	Cert, Key string
}

// SASL is how a node logs in at the brokers.
type SASL struct {
	// Mechanism is one of Mechanisms.
	//
	// Danger: plain sends the password as it is; use it with TLS only.
	Mechanism string
	User      string
	Password  Secret
}

// mechanisms are the ways to log in.
var mechanisms = []string{"plain", "scram-sha-256", "scram-sha-512"}

// Mechanisms returns what SASL.Mechanism can be.
func Mechanisms() []string { return slices.Clone(mechanisms) }

// Registry is the schema registry that knows the schemas of the users' records.
type Registry struct {
	// URL is where it answers, http or https.
	//
	// Danger: while it does not answer, records with unknown schemas wait, and
	// so do those behind them.
	URL string
	// User and Password are for HTTP basic authentication. Default: none.
	User     string
	Password Secret
	// CA is a PEM file as in TLS. Default: the authorities of the system.
	CA string
}

// Source is what is told about one input topic.
type Source struct {
	// From is where reading begins when the application meets the topic for
	// the first time; later it is never looked at again.
	//
	// Danger: latest skips what is there already; earliest starts an instance
	// for every start message that the topic still holds.
	//
	// Default: latest.
	From From
	// UnmatchedDead makes a dead letter of a record that fits no message of
	// any definition. Otherwise it is skipped and counted.
	//
	// Danger: on a topic shared with others this copies their records.
	UnmatchedDead bool
}

// WithDefaults returns c with the defaults in place of what is empty.
func (c Config) WithDefaults() Config {
	c.Partitions = orDefault(c.Partitions, DefaultPartitions)
	c.Replication = orDefault(c.Replication, DefaultReplication)
	c.DataDir = orDefault(c.DataDir, DefaultDataDir)
	c.SessionTimeout = orDefault(c.SessionTimeout, DefaultSessionTimeout)
	c.TransactionTimeout = orDefault(c.TransactionTimeout, DefaultTransactionTimeout)
	c.HistoryPayload = orDefault(c.HistoryPayload, DefaultHistoryPayload)
	c.Log = orDefault(c.Log, slog.Default())
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// PlanOptions are those by which the application's definitions are compiled, but
// for what needs schemas.
func (c Config) PlanOptions() topology.Options {
	return topology.Options{Application: c.App, Limits: c.Limits}
}

// topicsCommand is TopicsCommand, also of a Config that has no defaults yet.
func (c Config) topicsCommand() string { return orDefault(c.TopicsCommand, "rondo topics apply") }

func orDefault[T comparable](v, ifZero T) T {
	var zero T
	if v == zero {
		return ifZero
	}
	return v
}

// FieldError is a setting that cannot be used.
type FieldError struct {
	Field string // as in the configuration file: "sasl.mechanism"
	Text  string // what is wrong, and what to do
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Validate checks a Config that has its defaults. It reports everything that
// is wrong at once, each a *FieldError within the joined error.
func (c Config) Validate() error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &FieldError{field, fmt.Sprintf(format, args...)})
	}
	c.checkNames(wrong)
	c.checkSizes(wrong)
	c.checkTimes(wrong)
	c.checkAccess(wrong)
	c.checkSources(wrong)
	return errors.Join(errs...)
}

// report takes the field, and what is wrong with it.
type report func(field, format string, args ...any)

var appForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$`)

func (c Config) checkNames(wrong report) {
	switch {
	case c.App == "":
		wrong("app", "is missing: give the application a name, such as shop")
	case !appForm.MatchString(c.App):
		wrong("app", "%q cannot begin the names of topics: use up to 200 of a-z A-Z 0-9 . _ - and begin with a letter or digit", c.App)
	}
	if len(c.Brokers) == 0 {
		wrong("brokers", "is missing: give the address of at least one broker, such as localhost:9092")
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			wrong("brokers", "%q is not an address: write host:port, such as localhost:9092", b)
		}
	}
}

func (c Config) checkSizes(wrong report) {
	if c.Partitions < 1 || c.Partitions > maxPartitions {
		wrong("partitions", "is %d: choose between 1 and %d", c.Partitions, maxPartitions)
	}
	if c.Replication < 1 || c.Replication > 9 {
		wrong("replication", "is %d: choose between 1 and the number of brokers, 9 at most; 3 is usual", c.Replication)
	}
	if c.HistoryPayload < NoHistoryPayload || c.HistoryPayload > ownMessageBytes/4 {
		wrong("history.payload", "is %d bytes: choose none, or up to %d KiB, so that a history record always fits", c.HistoryPayload, ownMessageBytes/4>>10)
	}
	most := topology.DefaultLimits().Record
	for _, limit := range []struct {
		name   string
		bytes  int
		record string
	}{
		{"limits.record", c.Limits.Record, "changelog"}, {"limits.event", c.Limits.Event, "inbox"}, {"limits.command", c.Limits.Command, "inbox"},
	} {
		if limit.bytes > most {
			wrong(limit.name, "is %d bytes: choose up to %d MiB, so that it fits into a record of the %s", limit.bytes, most>>20, limit.record)
		}
	}
}

func (c Config) checkTimes(wrong report) {
	if c.SessionTimeout < time.Second || c.SessionTimeout > 30*time.Minute {
		wrong("session-timeout", "is %s: choose between 1s and 30m; the broker's own bounds are 6s to 30m unless it was told otherwise", c.SessionTimeout)
	}
	if c.TransactionTimeout < time.Second || c.TransactionTimeout > 15*time.Minute {
		wrong("transaction-timeout", "is %s: choose between 1s and 15m, the most that brokers allow", c.TransactionTimeout)
	}
}

func (c Config) checkAccess(wrong report) {
	if c.TLS != nil && (c.TLS.Cert == "") != (c.TLS.Key == "") {
		wrong("tls", "cert and key belong together: give both or neither")
	}
	if s := c.SASL; s != nil {
		if !slices.Contains(mechanisms, s.Mechanism) {
			wrong("sasl.mechanism", "%q is not known: choose one of %s", s.Mechanism, strings.Join(mechanisms, ", "))
		}
		if s.User == "" {
			wrong("sasl.user", "is missing: give the name to log in with")
		}
		if s.Password.IsZero() {
			wrong("sasl.password", "is missing or empty: name where it is kept, as ${env:NAME} or ${file:PATH}")
		}
	}
	if r := c.Registry; r != nil {
		if u, err := url.Parse(r.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			wrong("registry.url", "%q is not an address: write it as http://host:port or https://host:port", r.URL)
		} else if u.User != nil {
			wrong("registry.url", "holds a login: use registry.user and registry.password")
		}
		if (r.User == "") != r.Password.IsZero() {
			wrong("registry", "user and password belong together: give both or neither")
		}
	}
}

func (c Config) checkSources(wrong report) {
	for topic := range c.Sources {
		if !topicForm.MatchString(topic) {
			wrong("sources", "%q cannot be the name of a topic", topic)
		}
	}
}

var topicForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Warnings are settings that work and are dangerous.
func (c Config) Warnings() []string {
	var out []string
	if c.SASL != nil && c.SASL.Mechanism == "plain" && c.TLS == nil {
		out = append(out, "sasl.mechanism is plain without tls: the password crosses the network readable; use scram-sha-512, or tls")
	}
	if c.Registry != nil && !c.Registry.Password.IsZero() && strings.HasPrefix(c.Registry.URL, "http://") {
		out = append(out, "registry.url is http and has a password: it crosses the network readable; use https")
	}
	if filepath.Clean(c.DataDir) == string(filepath.Separator) {
		out = append(out, "data-dir is the root of the file system")
	}
	return out
}
