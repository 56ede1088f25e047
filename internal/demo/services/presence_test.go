package services

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lines are what is logged, a message each.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// onlyMessage leaves out all else of a line.
func onlyMessage(_ []string, a slog.Attr) slog.Attr {
	if a.Key != slog.MessageKey {
		return slog.Attr{}
	}
	return a
}

// A service whose broker is away waits for it, and says so once.
func TestAPostWaitsForItsBroker(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	said := make(lines, 1000)
	presence := NewPresence(slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{ReplaceAttr: onlyMessage})))
	post, err := OpenPost(Config{Brokers: []string{address.String()}, Presence: presence}, "shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	post.outbox.send(&kgo.Record{Topic: "orders", Value: []byte("x")}, 0, func() { close(written) })
	told := []string{<-said}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(address.Port), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	<-written
	told = append(told, <-said)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := post.Run(ctx); err != nil {
		t.Error(err)
	}
	close(said)
	for line := range said {
		told = append(told, line)
	}
	want := []string{"msg=\"a broker cannot be reached: trying again until it is back\"\n", "msg=\"all brokers can be reached again\"\n"}
	if !slices.Equal(told, want) {
		t.Errorf("said %q", told)
	}
}

// A service that is stopped while its broker is away ends all the same.
func TestAPostWithoutItsBrokerEnds(t *testing.T) {
	post, err := OpenPost(Config{Brokers: []string{"127.0.0.1:1"}, Presence: NewPresence(slog.New(slog.DiscardHandler))}, "shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	post.parting = 0
	post.outbox.send(&kgo.Record{Topic: "orders", Value: []byte("x")}, 0, func() { t.Error("written to nobody") })
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := post.Run(ctx); err != nil {
		t.Error(err)
	}
}
