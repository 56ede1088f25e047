package loop

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Kind says how a loop commits.
type Kind string

const (
	Session Kind = "session" // kgo.GroupTransactSession: one producer for all partitions
	Ring    Kind = "ring"    // processor.Ring, one or more
)

// From says where a group reads from that has no offsets yet.
type From string

const (
	Earliest From = "earliest" // what the topics hold
	Latest   From = "latest"   // what comes after the loop has started
)

// Spec says what a loop reads and writes. It is JSON between processes.
type Spec struct {
	Brokers []string `json:"brokers"` // host:port
	Group   string   `json:"group"`   // the transactional ids are this with a suffix
	Kind    Kind     `json:"kind"`

	// Rings is how many rings share the partitions of a loop of kind ring;
	// partition p belongs to ring p mod Rings. 0: one per partition.
	Rings int `json:"rings,omitempty"`

	// Partitions is how many each topic has: inputs and outputs alike, so that
	// what answers a record goes to the record's partition, where its key would
	// have brought it too.
	Partitions int      `json:"partitions"`
	Inputs     []string `json:"inputs"`
	From       From     `json:"from,omitempty"` // default: earliest

	// Routes say what answers a record; the first that fits it does.
	Routes []Route `json:"routes"`

	// Progress, if given, is written once per transaction to each partition
	// that it has read from, as the engine's lanes do. Its template may not use
	// what is the record's.
	Progress *Output `json:"progress,omitempty"`

	// MaxInputs is how many records one transaction of a ring takes at most.
	// Default: 1,000, as the engine does.
	MaxInputs int `json:"maxInputs,omitempty"`

	// StatsEvery is how often a line of statistics is written. Default: 1s.
	StatsEvery Duration `json:"statsEvery,omitempty"`

	// Listen is the address of an HTTP server with /metrics, whose names are
	// those of an engine, and /readyz. Default: none.
	Listen string `json:"listen,omitempty"`
}

// Route answers the records that have all of its headers and begin with its
// prefix.
type Route struct {
	Headers []HeaderMatch `json:"headers,omitempty"`
	Prefix  []byte        `json:"prefix,omitempty"` // of the value; such as an Avro fingerprint
	Outputs []Output      `json:"outputs,omitempty"`
}

// HeaderMatch is a header that a record must have.
type HeaderMatch struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Output is one record that is written.
//
// Texts are templates: {key} is the key of the record that is answered, {at} its
// coordinates (topic/partition/offset), which tell records apart. What a
// template makes is filled up to its number of bytes with noise, which does not
// compress, or cut to it; 0 leaves it as it is.
type Output struct {
	Topic string `json:"topic"`

	// PerKey has one transaction write it once for each key that it has read, as
	// answer to the last record of the key: what the engine writes to its changelog
	// is what became of an instance in the whole transaction.
	PerKey bool `json:"perKey,omitempty"`

	Key     Text     `json:"key"`
	Headers []Header `json:"headers,omitempty"`
	Value   Value    `json:"value"`
	Comment string   `json:"comment,omitempty"` // what the engine writes here: "history", "changelog"
}

// Text is a text template and the bytes to fill it up to.
type Text struct {
	Text  string `json:"text"`
	Bytes int    `json:"bytes,omitempty"`
}

// Header is one header of an output.
type Header struct {
	Name string `json:"name"`
	Text
}

// Value is a record's value: the value of the record that is answered if Echo is
// set, else Bytes as they are; then filled up with noise to Size, or cut to it.
// With none of the three it is null: a tombstone.
type Value struct {
	Echo  bool   `json:"echo,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
	Size  int    `json:"size,omitempty"`
}

// Duration is a time.Duration that JSON has as text, such as "500ms".
type Duration time.Duration

// MarshalText is called by encoding/json.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText is called by encoding/json.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

const (
	defaultMaxInputs  = 1000
	defaultStatsEvery = Duration(time.Second)
)

func (s Spec) withDefaults() Spec {
	s.From = cmp.Or(s.From, Earliest)
	s.MaxInputs = cmp.Or(s.MaxInputs, defaultMaxInputs)
	s.StatsEvery = cmp.Or(s.StatsEvery, defaultStatsEvery)
	if s.Rings == 0 {
		s.Rings = s.Partitions
	}
	return s
}

// Validate names the first field that is wrong.
func (s Spec) Validate() error {
	s = s.withDefaults()
	switch {
	case len(s.Brokers) == 0:
		return errors.New("loop: brokers: at least one is needed")
	case s.Group == "":
		return errors.New("loop: group: it must be given")
	case s.Kind != Session && s.Kind != Ring:
		return fmt.Errorf("loop: kind: %q is neither %q nor %q", s.Kind, Session, Ring)
	case s.Partitions < 1:
		return fmt.Errorf("loop: partitions: %d is too few", s.Partitions)
	case s.Rings < 0 || s.Rings > s.Partitions:
		return fmt.Errorf("loop: rings: %d rings for %d partitions", s.Rings, s.Partitions)
	case len(s.Inputs) == 0:
		return errors.New("loop: inputs: at least one topic is needed")
	case s.From != Earliest && s.From != Latest:
		return fmt.Errorf("loop: from: %q is neither %q nor %q", s.From, Earliest, Latest)
	case s.MaxInputs < 1:
		return fmt.Errorf("loop: maxInputs: %d is too few", s.MaxInputs)
	case s.StatsEvery <= 0:
		return fmt.Errorf("loop: statsEvery: %v is no interval", time.Duration(s.StatsEvery))
	}
	return s.validateOutputs()
}

func (s Spec) validateOutputs() error {
	for i, r := range s.Routes {
		for j, out := range r.Outputs {
			if out.Topic == "" {
				return fmt.Errorf("loop: routes[%d].outputs[%d].topic: it must be given", i, j)
			}
		}
	}
	if s.Progress != nil && s.Progress.Topic == "" {
		return errors.New("loop: progress.topic: it must be given")
	}
	return nil
}
