package devbroker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/devbroker"
)

func start(t *testing.T, cfg devbroker.Config) *devbroker.Broker {
	t.Helper()
	broker, err := devbroker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

func connect(t *testing.T, broker *devbroker.Broker) (*kgo.Client, context.Context) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return client, ctx
}

func TestBrokerListensOnLoopbackOnly(t *testing.T) {
	broker := start(t, devbroker.Config{Nodes: 3})
	if len(broker.Addrs()) != 3 {
		t.Fatalf("3 nodes listen on %v", broker.Addrs())
	}
	for _, addr := range broker.Addrs() {
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("a node listens on %s", addr)
		}
	}
}

func TestBrokerKeepsTopicsInItsFolder(t *testing.T) {
	dir := t.TempDir()
	first := start(t, devbroker.Config{DataDir: dir})
	client, ctx := connect(t, first)
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	first.Close()

	client, ctx = connect(t, start(t, devbroker.Config{DataDir: dir}))
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	var records int64
	ends.Each(func(o kadm.ListedOffset) { records += o.Offset })
	if len(ends["orders"]) != 2 || records != 1 {
		t.Errorf("after a restart there are %d partitions with %d records; 2 with 1 were left", len(ends["orders"]), records)
	}
}

func TestBrokerRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	start(t, devbroker.Config{DataDir: dir})
	_, err := devbroker.Start(devbroker.Config{DataDir: dir})
	if !errors.Is(err, devbroker.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("folder %s, by process %d (devbroker.test), since ", dir, os.Getpid())) {
		t.Errorf("a second broker on the folder: %v", err)
	}
}

func TestBrokerSaysWhichPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	_, err = devbroker.Start(devbroker.Config{Port: port})
	if err == nil || !strings.Contains(err.Error(), "on port") {
		t.Errorf("a broker on a taken port: %v", err)
	}
}
