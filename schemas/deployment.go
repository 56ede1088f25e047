package schemas

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"rondo/topology"
)

// Deployment is a definition as it was deployed.
type Deployment struct {
	Workflow   string
	Version    int
	Source     []byte            // the YAML text
	Files      map[string][]byte // the schema files that the text names
	Digest     string            // topology.Definition.Digest: SHA-256 in hex digits
	DeployedAt topology.Instant
	By         string
}

var deploymentFormat = sync.OnceValue(func() *Format { return newFormat("deployment") })

// Encode returns d as it is written to the definitions topic.
func (d Deployment) Encode() ([]byte, error) {
	if d.Version < 0 || d.Version > math.MaxInt32 {
		return nil, fmt.Errorf("encode deployment record: version %d", d.Version)
	}
	names := slices.Sorted(maps.Keys(d.Files))
	return deploymentFormat().encode(fields{
		"workflow": d.Workflow, "version": int32(d.Version), "source": d.Source,
		"files": arrayOf(names, func(name string) any {
			return fields{"name": name, "content": d.Files[name]}
		}),
		"digest": d.Digest, "deployedAt": int64(d.DeployedAt), "by": d.By,
	})
}

// DecodeDeployment reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeDeployment(b []byte) (Deployment, error) {
	n, err := deploymentFormat().decode(b)
	if err != nil {
		return Deployment{}, err
	}
	version := get[int32](n, "version")
	if version < 0 {
		return Deployment{}, fmt.Errorf("decode deployment record: version %d", version)
	}
	files := map[string][]byte{}
	for _, item := range get[[]any](n, "files") {
		file := item.(fields)
		files[get[string](file, "name")] = bytes.Clone(get[[]byte](file, "content"))
	}
	return Deployment{
		Workflow:   get[string](n, "workflow"),
		Version:    int(version),
		Source:     bytes.Clone(get[[]byte](n, "source")),
		Files:      files,
		Digest:     get[string](n, "digest"),
		DeployedAt: topology.Instant(get[int64](n, "deployedAt")),
		By:         get[string](n, "by"),
	}, nil
}
