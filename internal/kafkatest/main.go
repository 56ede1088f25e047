package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

// shared are the clusters of this test process.
var shared = sharedClusters{clusters: make(map[Options]*startedCluster)}

type sharedClusters struct {
	mu       sync.Mutex // guards the fields below
	managed  bool       // Main runs the tests and will stop what is started
	stopped  bool
	clusters map[Options]*startedCluster
}

type startedCluster struct {
	once  sync.Once
	kafka *Kafka
	err   error
}

// get starts the cluster the first time. A start that failed is not tried again.
func (s *sharedClusters) get(options Options) (*Kafka, error) {
	s.mu.Lock()
	if !s.managed || s.stopped {
		s.mu.Unlock()
		return nil, fmt.Errorf("a shared cluster needs Main: func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }")
	}
	cluster := s.clusters[options]
	if cluster == nil {
		cluster = &startedCluster{}
		s.clusters[options] = cluster
	}
	s.mu.Unlock()
	cluster.once.Do(func() { cluster.kafka, cluster.err = Run(context.Background(), options) })
	return cluster.kafka, cluster.err
}

// stop stops all, also one that is being started.
func (s *sharedClusters) stop() error {
	s.mu.Lock()
	s.stopped = true
	clusters := s.clusters
	s.mu.Unlock()
	var first error
	for _, cluster := range clusters {
		cluster.once.Do(func() {})
		if cluster.kafka == nil {
			continue
		}
		if err := cluster.kafka.Stop(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Main runs a package's tests and stops the shared clusters, also after an
// interrupt. It returns the exit code.
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.managed = true
	shared.mu.Unlock()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		stopShared()
		os.Exit(1)
	}()
	code := m.Run()
	if !stopShared() && code == 0 {
		code = 1
	}
	return code
}

func stopShared() (ok bool) {
	if err := shared.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop Kafka: %v\n", err)
		return false
	}
	return true
}
