package config

import (
	"fmt"
	"net"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rondo/processor"
)

// Key is one setting of rondo.yaml.
type Key struct {
	Path    string // "sources.<topic>.from": <topic> stands for any name
	Kind    string // what a value looks like
	Default string
	Example string // a line, or lines, of YAML
	Meaning string
	Danger  string // "" where there is none

	read func(r *reader, at []string, n *yaml.Node)
}

// Group is a key that only holds others.
type Group struct {
	Path    string
	Meaning string

	open func(f *File, at []string)
}

// Groups are the keys that hold others, in the order of the reference page.
func Groups() []Group {
	return []Group{
		{"tls", "Encrypted connections to the brokers. An empty `tls: {}` trusts the authorities of the system. Without the key, connections are plain text.",
			func(f *File, _ []string) { f.Node.TLS = &processor.TLS{} }},
		{"sasl", "The login at the brokers. Without the key there is none.",
			func(f *File, _ []string) { f.Node.SASL = &processor.SASL{} }},
		{"registry", "The schema registry that knows the schemas of your records. Without the key there is none; definitions then name schema files, or use JSON.",
			func(f *File, _ []string) { f.Node.Registry = &processor.Registry{} }},
		{"history", "What the history topic keeps, one record for each decision.", nil},
		{"sources", "Settings of single input topics, by the topic's name. Topics that definitions read need no entry.",
			func(f *File, _ []string) { f.Node.Sources = map[string]processor.Source{} }},
		{"sources.<topic>", "Settings of one input topic.",
			func(f *File, at []string) { f.Node.Sources[at[1]] = processor.Source{} }},
		{"limits", limitsMeaning, nil},
		{"http", "The node's HTTP endpoints: `/metrics`, `/livez`, `/readyz`.", nil},
	}
}

// Keys are all settings, in the order of the reference page.
func Keys() []Key {
	var out []Key
	for _, some := range [][]Key{applicationKeys(), timeKeys(), accessKeys(), registryKeys(), sourceKeys(), historyKeys(), limitKeys(), httpKeys()} {
		out = append(out, some...)
	}
	return out
}

func applicationKeys() []Key {
	return []Key{
		{
			Path: "app", Kind: "text of a-z A-Z 0-9 . _ -", Default: "none, it must be given", Example: "app: shop",
			Meaning: "The name of the application. Its topics begin with it (`shop.inbox`, `shop.changelog` …), its consumer group is called so, and its transactional ids begin with it: one prefixed permission covers all.",
			Danger:  "Another name is another application, which knows nothing of the first one's instances. Two applications on one cluster must not share a name.",
			read:    text(func(f *File) *string { return &f.Node.App }),
		}, {
			Path: "brokers", Kind: "list of host:port, or one text with commas", Default: "none, at least one must be given", Example: "brokers: [kafka-1:9092, kafka-2:9092]",
			Meaning: "Addresses from which the whole cluster is found.",
			Danger:  "With only one, a node cannot start while that broker is away.",
			read:    (*reader).brokers,
		}, {
			Path: "partitions", Kind: "whole number, 1 to 1024", Default: fmt.Sprint(processor.DefaultPartitions), Example: "partitions: 32",
			Meaning: "Into how many parts the application's state is divided; as many nodes can share the work. Source topics with the same number are read without a hop through the inbox.",
			Danger:  "Fixed when the topics are created: it decides where each instance lives. A node that finds another number refuses to start.",
			read:    whole(func(f *File) *int { return &f.Node.Partitions }),
		}, {
			Path: "replication", Kind: "whole number, 1 to 9", Default: fmt.Sprint(processor.DefaultReplication), Example: "replication: 3",
			Meaning: "How many brokers keep a copy of each topic that `rondo topics apply` creates. From 3 on, a record counts as written when two have it.",
			Danger:  "Below 3, one lost disk can lose instances. Above the number of brokers, no topic can be created.",
			read:    whole(func(f *File) *int { return &f.Node.Replication }),
		}, {
			Path: "data-dir", Kind: "folder", Default: processor.DefaultDataDir, Example: "data-dir: /var/lib/rondo",
			Meaning: "Where the node keeps its local copy of the state. It may be deleted while the node is stopped: the changelog has everything. Paths in this file are relative to the file's folder.",
			Danger:  "Two nodes must not share a folder. With an empty one, a node reads the changelog of its partitions before it decides.",
			read:    path(func(f *File) *string { return &f.Node.DataDir }),
		}, {
			Path: "definitions", Kind: "list of files and folders", Default: "none", Example: "definitions: [workflows]",
			Meaning: "Workflow files that the node publishes when it starts, unless they are already; of a folder, its `*.yaml` and `*.yml` files without those that end in `.test.yaml`. What the definitions topic holds is run in any case.",
			Danger:  "A file whose version was deployed with another content keeps the node from starting: a deployed version never changes, give the file a new one.",
			read:    (*reader).definitions,
		},
	}
}

func accessKeys() []Key {
	tls := func(f *File) *processor.TLS { return f.Node.TLS }
	sasl := func(f *File) *processor.SASL { return f.Node.SASL }
	return []Key{
		{
			Path: "tls.ca", Kind: "PEM file", Default: "the authorities of the system", Example: "tls: {ca: /etc/rondo/ca.pem}",
			Meaning: "The authorities that may have signed the brokers' certificates.",
			read:    path(func(f *File) *string { return &tls(f).CA }),
		}, {
			Path: "tls.cert", Kind: "PEM file", Default: "none", Example: "tls: {cert: client.pem, key: client.key}",
			Meaning: "The certificate by which the node shows who it is, where brokers ask for one. It is read again for each connection, so a renewed file needs no restart.",
			read:    path(func(f *File) *string { return &tls(f).Cert }),
		}, {
			Path: "tls.key", Kind: "PEM file", Default: "none", Example: "tls: {cert: client.pem, key: client.key}",
			Meaning: "The private key of `tls.cert`.",
			Danger:  "Whoever can read it is this node, as far as the brokers know.",
			read:    path(func(f *File) *string { return &tls(f).Key }),
		}, {
			Path: "sasl.mechanism", Kind: strings.Join(processor.Mechanisms(), " | "), Default: "none, it must be given with sasl", Example: "sasl: {mechanism: scram-sha-512, user: rondo, password: \"${env:KAFKA_PASSWORD}\"}",
			Meaning: "How the node logs in.",
			Danger:  "`plain` sends the password as it is: use it with `tls` only.",
			read:    text(func(f *File) *string { return &sasl(f).Mechanism }),
		}, {
			Path: "sasl.user", Kind: "text", Default: "none, it must be given with sasl", Example: "sasl: {user: rondo}",
			Meaning: "The name to log in with. It needs the permissions that docs/operations.md lists.",
			read:    text(func(f *File) *string { return &sasl(f).User }),
		}, {
			Path: "sasl.password", Kind: "${env:NAME} or ${file:PATH}", Default: "none, it must be given with sasl", Example: "sasl: {password: \"${file:/run/secrets/kafka}\"}",
			Meaning: "Where the password is found: a variable of the environment, or a file (a newline at its end does not count). It is read when the node starts and shows in no log.",
			Danger:  "A password written into the file itself is refused: such files end up in version control.",
			read:    secret(func(f *File) *processor.Secret { return &sasl(f).Password }),
		},
	}
}

func registryKeys() []Key {
	registry := func(f *File) *processor.Registry { return f.Node.Registry }
	return []Key{
		{
			Path: "registry.url", Kind: "http:// or https:// address", Default: "none, it must be given with registry", Example: "registry: {url: \"https://schemas:8081\"}",
			Meaning: "Where the registry answers.",
			Danger:  "While it does not answer, records whose schema is not known yet wait, and so does what stands behind them in their partition. Nothing is lost.",
			read:    text(func(f *File) *string { return &registry(f).URL }),
		}, {
			Path: "registry.user", Kind: "text", Default: "none", Example: "registry: {user: rondo, password: \"${env:REGISTRY_PASSWORD}\"}",
			Meaning: "The name for HTTP basic authentication.",
			read:    text(func(f *File) *string { return &registry(f).User }),
		}, {
			Path: "registry.password", Kind: "${env:NAME} or ${file:PATH}", Default: "none", Example: "registry: {password: \"${file:/run/secrets/registry}\"}",
			Meaning: "Where the password is found, as with `sasl.password`.",
			Danger:  "Over `http://` it crosses the network readable.",
			read:    secret(func(f *File) *processor.Secret { return &registry(f).Password }),
		}, {
			Path: "registry.ca", Kind: "PEM file", Default: "the authorities of the system", Example: "registry: {ca: /etc/rondo/ca.pem}",
			Meaning: "The authorities that may have signed the registry's certificate.",
			read:    path(func(f *File) *string { return &registry(f).CA }),
		},
	}
}

func timeKeys() []Key {
	return []Key{
		{
			Path: "session-timeout", Kind: "duration, 1s to 30m", Default: processor.DefaultSessionTimeout.String(), Example: "session-timeout: 10s",
			Meaning: "How long a silent node keeps its partitions. The partitions of a node that dies stand still for this long.",
			Danger:  "Below the longest pause of the machine, partitions move for nothing. The brokers' `group.min.session.timeout.ms` (6s) and `group.max.session.timeout.ms` bound it.",
			read:    duration(func(f *File) *time.Duration { return &f.Node.SessionTimeout }),
		}, {
			Path: "transaction-timeout", Kind: "duration, 1s to 15m", Default: processor.DefaultTransactionTimeout.String(), Example: "transaction-timeout: 10s",
			Meaning: "How long the brokers let a transaction stay open that nobody ends. A node's successor ends it at once; this is for the case that there is none.",
			Danger:  "Readers see nothing behind an open transaction: long, a crash delays them. Short, a slow broker aborts the same work again and again.",
			read:    duration(func(f *File) *time.Duration { return &f.Node.TransactionTimeout }),
		},
	}
}

func sourceKeys() []Key {
	return []Key{
		{
			Path: "sources.<topic>.from", Kind: "latest | earliest | time", Default: processor.From{}.String(), Example: "sources:\n  shop.orders: {from: 2026-11-24T06:00:00Z}",
			Meaning: "Where reading begins when the application meets the topic for the first time. The place is then written down with the state; later this key is not looked at again. Partitions that are added to the topic later are read from their start.",
			Danger:  "`latest` skips what is there already. `earliest` begins an instance for every start message that the topic still holds.",
			read:    (*reader).from,
		}, {
			Path: "sources.<topic>.unmatched", Kind: "skip | dead-letter", Default: "skip", Example: "sources:\n  shop.orders: {unmatched: dead-letter}",
			Meaning: "What becomes of a record that fits no message of any definition: it is skipped and counted, or copied to the dead letters.",
			Danger:  "On a topic that others use as well, `dead-letter` copies all of their records.",
			read:    (*reader).unmatched,
		},
	}
}

func historyKeys() []Key {
	return []Key{{
		Path: "history.payload", Kind: "size, or none", Default: "16KiB", Example: "history: {payload: none}",
		Meaning: "Up to which size the history keeps an input's payload; of larger ones, and with `none` of all, it keeps topic, partition and offset only.",
		Danger:  "What is not kept is gone from the audit when the source's retention has passed. What is kept stays as long as the history does, personal data included.",
		read:    size(func(f *File) *int { return &f.Node.HistoryPayload }, processor.NoHistoryPayload),
	}}
}

func httpKeys() []Key {
	return []Key{{
		Path: "http.listen", Kind: "host:port, or off", Default: DefaultListen, Example: "http: {listen: 0.0.0.0:7070}",
		Meaning: "Where `/metrics`, `/livez` and `/readyz` answer; `off`, or `http: off` for short: nowhere. A host of 127.0.0.1 is seen by this machine only; in a container, probes need 0.0.0.0.",
		Danger:  "There is no login: whoever reaches the port reads the metrics. An address without a host is refused, so that nobody opens it to the network by leaving something out.",
		read:    (*reader).listen,
	}, {
		Path: "http.profiles", Kind: "on | off", Default: "off", Example: "http: {profiles: on}",
		Meaning: "Whether `/debug/pprof` answers, beside the others and to this machine only: where the node's time and memory go, by `go tool pprof http://127.0.0.1:7070/debug/pprof/profile`.",
		Danger:  "Whoever has an account on the machine can read the program's stacks and slow it down by asking. Switch it on where you look into something.",
		read:    onOff(func(f *File) *bool { return &f.Profiles }),
	}}
}

// checkListen says what is wrong with an address to listen on, or "".
func checkListen(address string) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || port == "":
		return fmt.Sprintf("%q is not an address: write host:port, such as %s, or off", address, DefaultListen)
	case host == "":
		return fmt.Sprintf("%q says no host: write 127.0.0.1:%s to be seen by this machine only, or 0.0.0.0:%s to be seen by all that reach it", address, port, port)
	}
	return ""
}
