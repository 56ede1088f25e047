package project

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"rondo/internal/config"
)

const root = "../.."

func composeProject(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "docker-compose.yml")}},
		Environment: types.Mapping{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func service(t *testing.T, p *types.Project, name string) types.ServiceConfig {
	t.Helper()
	s, err := p.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestComposeFileHasEverythingThatTheCheckoutNeeds(t *testing.T) {
	p := composeProject(t)
	for _, name := range []string{"kafka", "registry", "topics", "node-1", "node-2", "services"} {
		service(t, p, name)
	}
	kafka := service(t, p, "kafka")
	if !strings.HasPrefix(kafka.Image, "apache/kafka:4.") {
		t.Errorf("the broker is %s, not Apache Kafka 4", kafka.Image)
	}
	for key, want := range map[string]string{
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "1",
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "1",
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         "0",
		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false",
	} {
		if got := kafka.Environment[key]; got == nil || *got != want {
			t.Errorf("kafka: %s is %v, want %s", key, got, want)
		}
	}
}

func TestComposeNodesStartAfterTheirTopicsAndRunUnprivileged(t *testing.T) {
	p := composeProject(t)
	volumes := make(map[string]string)
	for _, name := range []string{"node-1", "node-2"} {
		node := service(t, p, name)
		if after := node.DependsOn["topics"]; after.Condition != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s starts after topics: %q", name, after.Condition)
		}
		if !node.ReadOnly || !slices.Contains(node.CapDrop, "ALL") || !slices.Contains(node.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s has more rights than it needs", name)
		}
		for _, v := range node.Volumes {
			if v.Type == types.VolumeTypeVolume {
				if other := volumes[v.Source]; other != "" {
					t.Errorf("%s and %s share the store %s", name, other, v.Source)
				}
				volumes[v.Source] = name
			}
		}
	}
	for _, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s to %q, not to loopback only", s.Name, port.Published, port.HostIP)
			}
		}
	}
}

// What the nodes are told must be what the stack has.
func TestComposeConfigurationFitsTheStack(t *testing.T) {
	p := composeProject(t)
	node := service(t, p, "node-1")
	if !slices.Contains(node.Command, "/etc/rondo/rondo.yaml") {
		t.Fatalf("node-1 runs %v", node.Command)
	}
	file, _, found, err := config.Load(filepath.Join(root, "examples/checkout/rondo.yaml"), config.Process())
	if err != nil || found.HasErrors() {
		t.Fatalf("%v %+v", err, found)
	}
	advertised := *service(t, p, "kafka").Environment["KAFKA_ADVERTISED_LISTENERS"]
	for _, broker := range file.Node.Brokers {
		if !strings.Contains(advertised, "://"+broker) {
			t.Errorf("broker %s is none of %s", broker, advertised)
		}
	}
	if services := service(t, p, "services"); !slices.Contains(services.Command, file.Node.Brokers[0]) {
		t.Errorf("the services run %v", services.Command)
	}
	if file.Node.DataDir != "/data" || !strings.HasSuffix(file.Listen, ":8080") {
		t.Errorf("data-dir %s, http %s", file.Node.DataDir, file.Listen)
	}
}

func TestImageIsStaticAndUnprivileged(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"CGO_ENABLED=0", "FROM scratch", "USER 65532:65532", "./cmd/rondo", `ENTRYPOINT ["/rondo"]`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the Dockerfile does not say %q", line)
		}
	}
}
