package processor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"rondo/internal/kafkatest"
)

// fake starts an embedded broker with options of the test's own.
func fake(t *testing.T, opts ...kfake.Opt) []string { return fakeCluster(t, opts...).ListenAddrs() }

func fakeCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func at(addrs ...string) Config {
	return Config{App: "shop", Brokers: addrs, Log: slog.New(slog.DiscardHandler)}.WithDefaults()
}

func TestPreflightLetsCurrentKafkaPass(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		warnings, err := Preflight(shortly(t), at(cluster.Addrs...))
		if err != nil || len(warnings) != 0 {
			t.Errorf("preflight: %v, %v", warnings, err)
		}
	})
}

func TestPreflightSaysWhatIsTooOld(t *testing.T) {
	for _, tc := range []struct {
		name    string
		version *kversion.Versions
		want    string
	}{
		{"Kafka 3.9", kversion.V3_9_0(), "broker 0 is too old: its transactions can lose or tear data (KIP-890); rondo needs Kafka 4.0 or newer"},
		{"Kafka 3.0", kversion.V3_0_0(), "broker 0 is too old: its"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Preflight(shortly(t), at(fake(t, kfake.MaxVersions(tc.version))...))
			wantRefusal(t, err, TooOld, tc.want)
		})
	}
}

func TestPreflightWarnsBelowKafka43(t *testing.T) {
	warnings, err := Preflight(shortly(t), at(fake(t, kfake.MaxVersions(kversion.V4_1_0()))...))
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "broker 0 is older than Kafka 4.3") {
		t.Errorf("preflight: %q, %v", warnings, err)
	}
}

func TestPreflightSaysThatNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Preflight(shortly(t), at(addr))
	wantRefusal(t, err, Unreachable, "no broker can be reached at "+addr+" (connection refused): check brokers, and that Kafka runs")
}

func TestPreflightSaysThatABrokerIsMute(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, err = preflight(shortly(t), at(l.Addr().String()), 400*time.Millisecond, nil)
	wantRefusal(t, err, Unreachable, "no broker answered in time at "+l.Addr().String())
}

func TestPreflightExplainsTheLogin(t *testing.T) {
	// The embedded broker hangs up on a wrong password; Kafka answers.
	addrs := fake(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "rondo", "right"))
	answering := fakeCluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "rondo", "right"))
	answering.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		answering.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	answering.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		answering.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if req.(*kmsg.SASLHandshakeRequest).Mechanism != "PLAIN" {
			return nil, nil, false
		}
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return resp, nil, true
	})
	kafka := answering.ListenAddrs()
	login := func(mechanism, user, password string) *SASL {
		return &SASL{Mechanism: mechanism, User: user, Password: NewSecret(password)}
	}
	for _, tc := range []struct {
		name  string
		addrs []string
		sasl  *SASL
		want  string // "": it passes
	}{
		{"right", addrs, login("scram-sha-512", "rondo", "right"), ""},
		{"refused", kafka, login("scram-sha-512", "rondo", "wrong"), "the brokers at " + kafka[0] + " refuse the login of user rondo: check sasl.user and sasl.password"},
		{"hung up on", addrs, login("scram-sha-512", "rondo", "wrong"), "the brokers at " + addrs[0] + " close the connection at once: check sasl.user and sasl.password; if they speak TLS set tls"},
		{"another mechanism", kafka, login("plain", "rondo", "right"), "the brokers at " + kafka[0] + " do not log in by this mechanism: change sasl.mechanism"},
		{"none", addrs, nil, "the brokers at " + addrs[0] + " close the connection at once: if they ask for a login set sasl, if they speak TLS set tls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := at(tc.addrs...)
			cfg.SASL = tc.sasl
			_, err := Preflight(shortly(t), cfg)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, LoginFailed, tc.want)
			if strings.Contains(err.Error(), "right") || strings.Contains(err.Error(), "wrong") {
				t.Errorf("the password shows: %v", err)
			}
		})
	}
}

func TestPreflightSaysThatTheGroupMayNotBeRead(t *testing.T) {
	allow := func(operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "shop", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
	}
	for name, acls := range map[string][]kfake.ACL{"nothing": nil, "Read": {allow(kmsg.ACLOperationRead)}} {
		t.Run(name, func(t *testing.T) {
			cfg := at(fake(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "node", "secret", acls...))...)
			cfg.SASL = &SASL{"plain", "node", NewSecret("secret")}
			if _, err := CheckCluster(shortly(t), cfg); err != nil {
				t.Errorf("a command that joins no group is refused: %v", err)
			}
			_, err := Preflight(shortly(t), cfg)
			if name == "Read" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, Forbidden, "join group shop: the brokers at "+cfg.Brokers[0]+" do not allow it (GROUP_AUTHORIZATION_FAILED): give user node the missing permission")
		})
	}
}

func TestPreflightReadsWhatMayBeDoneWithAGroup(t *testing.T) {
	for operations, want := range map[int32]bool{
		math.MinInt32:                    true, // not told
		1 << kmsg.ACLOperationRead:       true,
		1 << kmsg.ACLOperationDescribe:   false,
		1<<kmsg.ACLOperationDelete | 256: false,
	} {
		if mayRead(operations) != want {
			t.Errorf("%b: %v", operations, !want)
		}
	}
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := configFor(t, cluster)
		var offsets kadm.Offsets
		offsets.AddOffset(cluster.Topic(t, "events", 1), 0, 0, -1)
		if err := kadm.NewClient(cluster.Client(t)).CommitAllOffsets(shortly(t), cfg.App, offsets); err != nil {
			t.Fatal(err)
		}
		if _, err := Preflight(shortly(t), cfg); err != nil {
			t.Errorf("with a group that exists: %v", err)
		}
	})
}

func TestPreflightExplainsTLS(t *testing.T) {
	ca, cert := selfSigned(t)
	secure := fake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	for _, tc := range []struct {
		name  string
		addrs []string
		tls   *TLS
		want  string
	}{
		{"a known authority", secure, &TLS{CA: ca}, ""},
		{"an unknown authority", secure, &TLS{}, "the certificate of the brokers at " + secure[0] + " is signed by an authority that is not known: name its file in tls.ca"},
		{"no TLS towards TLS", secure, nil, "the brokers at " + secure[0] + " close the connection at once"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := at(tc.addrs...)
			cfg.TLS = tc.tls
			_, err := Preflight(shortly(t), cfg)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, LoginFailed, tc.want)
		})
	}
}

func TestPreflightSaysThatABrokerSpeaksNoTLS(t *testing.T) {
	kafkatest.EachReal(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := at(cluster.Addrs[0])
		cfg.TLS = &TLS{}
		_, err := Preflight(shortly(t), cfg)
		wantRefusal(t, err, LoginFailed, "the brokers at "+cluster.Addrs[0]+" close the connection at once: if they do not speak TLS there remove tls")
	})
}

func TestTLSFilesThatCannotBeUsedNameTheirKey(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, conf := range map[string]TLS{
		"tls.ca: " + empty + " holds no certificate in PEM form": {CA: empty},
		"tls.ca: open /nope: no such file or directory":          {CA: "/nope"},
		"tls.cert: and tls.key cannot be used":                   {Cert: empty, Key: empty},
	} {
		cfg := at("localhost:1")
		cfg.TLS = &conf
		_, err := Preflight(shortly(t), cfg)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// selfSigned makes a certificate for 127.0.0.1 and writes it where TLS.CA can
// name it.
func selfSigned(t *testing.T) (caFile string, cert tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return caFile, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
