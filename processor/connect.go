package processor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// ClientOpts are what every Kafka client of a node begins with: where the
// brokers are, and how to be let in. It reads the files that TLS names.
func (c Config) ClientOpts() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("rondo-" + c.App),
	}
	if c.TLS != nil {
		conf, err := c.TLS.client()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(conf))
	}
	if c.SASL != nil {
		mechanism, err := c.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// NewClient makes a client with ClientOpts and opts.
func (c Config) NewClient(opts ...kgo.Opt) (*kgo.Client, error) {
	common, err := c.ClientOpts()
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(common, opts...)...)
}

func (t TLS) client() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pool, err := readAuthorities(t.CA)
		if err != nil {
			return nil, &FieldError{"tls.ca", err.Error()}
		}
		conf.RootCAs = pool
	}
	if t.Cert == "" {
		return conf, nil
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return nil, &FieldError{"tls.cert", fmt.Sprintf("and tls.key cannot be used: %v", err)}
	}
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		return &pair, err
	}
	return conf, nil
}

// readAuthorities reads the certificates of a PEM file.
func readAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	user, pass := s.User, s.Password.Reveal()
	switch s.Mechanism {
	case "plain":
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism(), nil
	}
	return nil, &FieldError{"sasl.mechanism", fmt.Sprintf("%q is not known", s.Mechanism)}
}
