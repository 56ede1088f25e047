package services

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Presence says when brokers go away, and when they are back: once for all posts of a
// Config. Posts that have one wait for them without end.
type Presence struct {
	log *slog.Logger

	mu   sync.Mutex      // guards what follows
	away map[string]bool // by address: as a seed a broker has another number
}

// NewPresence returns one that writes to log.
func NewPresence(log *slog.Logger) *Presence {
	return &Presence{log: log, away: map[string]bool{}}
}

var _ kgo.HookBrokerConnect = (*Presence)(nil)

// OnBrokerConnect makes Presence a kgo.HookBrokerConnect.
func (p *Presence) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address := net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port)))
	wasAway := len(p.away) > 0
	if err == nil {
		delete(p.away, address)
	} else {
		p.away[address] = true
	}
	switch isAway := len(p.away) > 0; {
	case isAway && !wasAway:
		p.log.Warn("a broker cannot be reached: trying again until it is back", "broker", address, "error", err.Error())
	case wasAway && !isAway:
		p.log.Info("all brokers can be reached again")
	}
}

// partingTime is how long a post that ends waits for brokers that are away.
const partingTime = 5 * time.Second

// giveUpAfter lets go of what cannot be written once a time is over. It returns what
// ends that.
func giveUpAfter(d time.Duration, client *kgo.Client) (stop func() bool) {
	timer := time.AfterFunc(d, func() {
		// Without an end of its own: all records fail at once.
		_ = client.AbortBufferedRecords(context.Background())
	})
	return timer.Stop
}
