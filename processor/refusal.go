package processor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Refusal is why a node does not start, or a command does nothing: something
// outside is not as it must be, and a person has to change it. Its text is
// one sentence that says what is so and what to do.
type Refusal struct {
	Kind RefusalKind
	Text string
	Err  error // what was seen; nil where the text says it all
}

func (r *Refusal) Error() string { return r.Text }

func (r *Refusal) Unwrap() error { return r.Err }

// RefusalKind tells refusals apart where a caller branches: each has an exit
// code of its own.
type RefusalKind int

const (
	Unreachable RefusalKind = iota + 1 // no broker answers
	LoginFailed                        // the brokers, or their certificates, do not accept us or we not them
	Forbidden                          // the brokers know us and do not allow it
	TooOld                             // the cluster cannot keep the promise
	TopicsWrong                        // a topic is missing or not as it must be
	Conflict                           // a version is deployed with another content
)

func refuse(kind RefusalKind, err error, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Err: err, Text: fmt.Sprintf(format, args...)}
}

// Explain makes a Refusal of an error of the Kafka client that a person has to
// act on: what could not be done, and where. Every other error stays, with
// what could not be done before it.
func (c Config) Explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Refusal](err); ok {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err) // we were stopped: nobody is to blame
	}
	brokers := strings.Join(c.Brokers, ", ")
	if r := explainLogin(brokers, c, err); r != nil {
		return r
	}
	if r := explainNetwork(brokers, c, err); r != nil {
		return r
	}
	if isForbidden(err) {
		return refuse(Forbidden, err, "%s: the brokers at %s do not allow it (%s): give %s the missing permission", doing, brokers, kafkaName(err), c.principal())
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (c Config) principal() string {
	if c.SASL != nil {
		return "user " + c.SASL.User
	}
	return "this client"
}

func explainLogin(brokers string, c Config, err error) *Refusal {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return refuse(LoginFailed, err, "the brokers at %s refuse the login of %s: check sasl.user and sasl.password", brokers, c.principal())
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return refuse(LoginFailed, err, "the brokers at %s do not log in by this mechanism: change sasl.mechanism, or remove sasl if they ask for no login", brokers)
	}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return refuse(LoginFailed, err, "the certificate of the brokers at %s is signed by an authority that is not known: name its file in tls.ca", brokers)
	case errors.As(err, &host):
		return refuse(LoginFailed, err, "the certificate of the brokers at %s is for another name (%s): use the name in the certificate in brokers, and in the brokers' advertised.listeners", brokers, host.Error())
	case errors.As(err, &invalid):
		return refuse(LoginFailed, err, "the certificate of the brokers at %s is not valid: %s", brokers, invalid.Error())
	case errors.As(err, &record):
		return refuse(LoginFailed, err, "the brokers at %s do not speak TLS there: use the port of their TLS listener, or remove tls", brokers)
	case isTLSAlert(err):
		return refuse(LoginFailed, err, "the brokers at %s refuse our certificate (%s): check tls.cert and tls.key", brokers, err)
	}
	return explainClosed(brokers, c, err)
}

// isTLSAlert reports whether the other side ended a TLS handshake with an alert.
func isTLSAlert(err error) bool {
	var alert tls.AlertError
	return errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls:")
}

// explainClosed reads what a broker means that hangs up without a word.
func explainClosed(brokers string, c Config, err error) *Refusal {
	_, first := errors.AsType[*kgo.ErrFirstReadEOF](err)
	if !first && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	guess := "if they ask for a login set sasl, if they speak TLS set tls"
	switch {
	case c.TLS != nil && c.SASL != nil:
		guess = "check sasl.user and sasl.password, and that the port is that of a listener with both TLS and login"
	case c.TLS != nil:
		guess = "if they do not speak TLS there remove tls, if they ask for a login set sasl"
	case c.SASL != nil:
		guess = "check sasl.user and sasl.password; if they speak TLS set tls, if they ask for no login remove sasl"
	}
	return refuse(LoginFailed, err, "the brokers at %s close the connection at once: %s", brokers, guess)
}

func explainNetwork(brokers string, c Config, err error) *Refusal {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return refuse(Unreachable, err, "no broker can be reached: the name %s is not known: check brokers", dns.Name)
	case isTimeout(err):
		guess := ""
		if c.TLS != nil {
			guess = ", and that the port is that of a TLS listener"
		}
		return refuse(Unreachable, err, "no broker answered in time at %s: check brokers, and that Kafka runs%s; if a broker is reached but sends clients elsewhere, check its advertised.listeners", brokers, guess)
	case errors.As(err, &op):
		return refuse(Unreachable, err, "no broker can be reached at %s (%s): check brokers, and that Kafka runs", brokers, lastWords(op.Err))
	}
	return nil
}

func isTimeout(err error) bool {
	var timed interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout()
}

// lastWords is the innermost message of err: "connection refused".
func lastWords(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func isForbidden(err error) bool {
	return errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) ||
		errors.Is(err, kerr.GroupAuthorizationFailed) || errors.Is(err, kerr.TransactionalIDAuthorizationFailed)
}

// kafkaName is the name of a broker's error: "TOPIC_AUTHORIZATION_FAILED".
func kafkaName(err error) string {
	if ke, ok := errors.AsType[*kerr.Error](err); ok {
		return ke.Message
	}
	return err.Error()
}
