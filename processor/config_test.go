package processor

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestConfigNamesEachFieldAndItsFix(t *testing.T) {
	good := Config{App: "shop", Brokers: []string{"localhost:9092"}}.WithDefaults()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"app: is missing: give the application a name":           func(c *Config) { c.App = "" },
		`app: "a b" cannot begin the names of topics`:            func(c *Config) { c.App = "a b" },
		"brokers: is missing: give the address":                  func(c *Config) { c.Brokers = nil },
		`brokers: "kafka" is not an address: write host:port`:    func(c *Config) { c.Brokers = []string{"kafka"} },
		"partitions: is 2000: choose between 1 and 1024":         func(c *Config) { c.Partitions = 2000 },
		"replication: is -1: choose between 1":                   func(c *Config) { c.Replication = -1 },
		"session-timeout: is 10ms: choose between 1s":            func(c *Config) { c.SessionTimeout = 10 * time.Millisecond },
		"transaction-timeout: is 1h0m0s: choose between 1s":      func(c *Config) { c.TransactionTimeout = time.Hour },
		"history.payload: is 9000000 bytes: choose none":         func(c *Config) { c.HistoryPayload = 9_000_000 },
		"tls: cert and key belong together":                      func(c *Config) { c.TLS = &TLS{Cert: "x"} },
		`sasl.mechanism: "gssapi" is not known: choose one of`:   func(c *Config) { c.SASL = &SASL{"gssapi", "u", NewSecret("p")} },
		"sasl.password: is missing or empty: name where it is":   func(c *Config) { c.SASL = &SASL{Mechanism: "plain", User: "u"} },
		`registry.url: "registry:8081" is not an address: write`: func(c *Config) { c.Registry = &Registry{URL: "registry:8081"} },
		"registry.url: holds a login":                            func(c *Config) { c.Registry = &Registry{URL: "http://u:p@r"} },
		"registry: user and password belong together":            func(c *Config) { c.Registry = &Registry{URL: "http://r", User: "u"} },
		`sources: "a b" cannot be the name of a topic`:           func(c *Config) { c.Sources = map[string]Source{"a b": {}} },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestDangerousSettingsAreWarnedOf(t *testing.T) {
	c := Config{App: "shop", Brokers: []string{"x:1"}, SASL: &SASL{"plain", "u", NewSecret("p")},
		Registry: &Registry{URL: "http://r", User: "u", Password: NewSecret("p")}}.WithDefaults()
	if w := c.Warnings(); len(w) != 2 || !strings.HasPrefix(w[0], "sasl.mechanism is plain without tls") {
		t.Errorf("warnings: %q", w)
	}
	c.TLS, c.Registry.URL = &TLS{}, "https://r"
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

func TestASecretShowsNowhere(t *testing.T) {
	s := NewSecret("hunter2")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", s, "sasl", SASL{"plain", "u", s})
	text, err := json.Marshal(map[string]any{"a": s, "b": &SASL{"plain", "u", s}})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %q %x %d %s", s, s, s, s, s, s, SASL{"plain", "u", s})
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e746572") {
		t.Errorf("it shows in %s", shown)
	}
	if s.Reveal() != "hunter2" || s.IsZero() || !NewSecret("").IsZero() {
		t.Error("and whoever needs it does not get it")
	}
}

func TestFromIsReadAsItIsWritten(t *testing.T) {
	for _, text := range []string{"latest", "earliest", "2026-11-24T06:00:00Z"} {
		f, err := ParseFrom(text)
		if err != nil || f.String() != text {
			t.Errorf("%s: %s, %v", text, f, err)
		}
	}
	if f, err := ParseFrom("2026-11-24T07:00:00+01:00"); err != nil || f != FromTime(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("another zone: %v, %v", f, err)
	}
	if _, err := ParseFrom("yesterday"); err == nil {
		t.Error("yesterday is a place")
	}
	if (From{}) != FromLatest() {
		t.Error("the zero From is not the topic's end")
	}
}
