package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"rondo/topology"
)

// engine is a node of the product.
type engine struct {
	*logged
	probe
	called string
	app    string
}

func (e *engine) name() string   { return e.called }
func (e *engine) prefix() string { return e.app }

// settingsFile is the part of rondo.yaml that is not the default.
type settingsFile struct {
	App         string                       `yaml:"app"`
	Brokers     []string                     `yaml:"brokers"`
	Partitions  int                          `yaml:"partitions"`
	Replication int                          `yaml:"replication"`
	DataDir     string                       `yaml:"data-dir"`
	Definitions []string                     `yaml:"definitions"`
	Sources     map[string]map[string]string `yaml:"sources"`
	HTTP        map[string]string            `yaml:"http"`
}

// application is what an engine runs.
type application struct {
	prefix      string
	definitions []string          // names of files
	files       map[string][]byte // definitions and schemas
}

// parse reads the definitions as the engine will.
func (a application) parse() ([]*topology.Definition, error) {
	var all []*topology.Definition
	for _, name := range a.definitions {
		d, list := topology.Parse(name, a.files[name], func(file string) ([]byte, error) {
			text, ok := a.files[file]
			if !ok {
				return nil, os.ErrNotExist
			}
			return text, nil
		})
		if list.HasErrors() {
			return nil, fmt.Errorf("workload: definition %s: %v", name, list)
		}
		all = append(all, d)
	}
	return all, nil
}

// startEngine writes the folder of an application and starts a node on it.
func startEngine(cfg Config, c *cluster, called, home string, app application) (*engine, error) {
	for name, text := range app.files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the engine's folder: %w", err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, fmt.Errorf("write the engine's folder: %w", err)
		}
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := settingsFile{
		App: app.prefix, Brokers: c.brokers, Partitions: partitions, Replication: c.replication,
		DataDir: filepath.Join(home, "data"), Definitions: app.definitions,
		Sources: map[string]map[string]string{}, HTTP: map[string]string{"listen": listen},
	}
	definitions, err := app.parse()
	if err != nil {
		return nil, err
	}
	for _, d := range definitions {
		for _, m := range d.Messages {
			file.Sources[m.Topic] = map[string]string{"from": "earliest"}
		}
	}
	if cfg.Profiles != "" {
		file.HTTP["profiles"] = "on"
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	path := filepath.Join(home, "rondo.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	process, err := spawn(cfg.Executable, "the engine", home, []string{"bench", "engine", "--config", path}, nil)
	if err != nil {
		return nil, err
	}
	return &engine{logged: process, probe: probe{"http://" + listen}, called: called, app: app.prefix}, nil
}

// freeAddress finds a port on loopback that nobody uses.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
