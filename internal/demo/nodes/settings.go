package nodes

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"
)

// Settings are what the nodes of the demo have in common.
type Settings struct {
	App            string
	Brokers        []string
	Partitions     int
	Replication    int
	SessionTimeout time.Duration
}

// file is the part of rondo.yaml that the demo writes.
type file struct {
	App            string            `yaml:"app"`
	Brokers        []string          `yaml:"brokers"`
	Partitions     int               `yaml:"partitions"`
	Replication    int               `yaml:"replication"`
	DataDir        string            `yaml:"data-dir"`
	HTTP           map[string]string `yaml:"http"`
	SessionTimeout string            `yaml:"session-timeout"`
}

// write writes the configuration of the node in dir and returns its path.
func (s Settings) write(dir, listen string) (string, error) {
	text, err := yaml.Marshal(file{
		App:            s.App,
		Brokers:        s.Brokers,
		Partitions:     s.Partitions,
		Replication:    s.Replication,
		DataDir:        filepath.Join(dir, "data"),
		HTTP:           map[string]string{"listen": listen},
		SessionTimeout: s.SessionTimeout.String(),
	})
	if err != nil {
		return "", fmt.Errorf("write the configuration of a node: %w", err)
	}
	path := filepath.Join(dir, "rondo.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the configuration of a node: %w", err)
	}
	return path, nil
}
