package processor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rondo/schemas"
	"rondo/topology"
)

// The definitions topic holds every deployed definition under the key
// workflow@version. A deployed version never changes: an instance that began
// with it, and the history that was decided by it, must find it again.
//
//	deploy ──► checkout@1, checkout@2 ──► every node's Catalog
//
// Whoever publishes does so under one transactional id of the application, so
// that publishers take turns: to open it ends what others have begun, then the
// topic is read, then written. Two nodes that start with the same new file
// publish it once; two files with the same version and another content cannot
// both be published.

// devStep separates the changes of a version that `rondo dev` publishes from
// the versions in files: 3·devStep+1 is version 1 after its third change,
// shown as 1+dev.3. Files use versions below it.
const devStep = 100_000

// VersionText shows a version as people know it: "1", or "1+dev.3" for the
// third change of version 1 in `rondo dev`.
func VersionText(version int) string {
	if version < devStep {
		return strconv.Itoa(version)
	}
	return fmt.Sprintf("%d+dev.%d", version%devStep, version/devStep)
}

// NoVersion says that a version of a workflow is not deployed, and which are there.
func NoVersion(workflow string, version int, there []int) string {
	if len(there) == 0 {
		return fmt.Sprintf("version %s of %s is not deployed, nor any other", VersionText(version), workflow)
	}
	there = slices.SortedFunc(slices.Values(there), compareVersions)
	var names []string
	for _, v := range there {
		names = append(names, VersionText(v))
	}
	are := "there are "
	if len(names) == 1 {
		are = "there is "
	}
	return fmt.Sprintf("version %s of %s is not deployed: %s%s", VersionText(version), workflow, are, strings.Join(names, ", "))
}

// compareVersions orders versions from old to new: 1, 1+dev.1, 1+dev.2, 2.
func compareVersions(a, b int) int {
	return cmp.Or(cmp.Compare(a%devStep, b%devStep), cmp.Compare(a/devStep, b/devStep))
}

// definitionKey is the key of a record of the definitions topic.
func definitionKey(workflow string, version int) string {
	return workflow + "@" + strconv.Itoa(version)
}

// definitionName is a version of a workflow as people know it, in place of a file's
// name: checkout@1, checkout@1+dev.3.
func definitionName(workflow string, version int) string {
	return workflow + "@" + VersionText(version)
}

// checkDeployable refuses what must not reach the topic.
func checkDeployable(d *topology.Definition) error {
	if d.Version >= devStep {
		return &FieldError{"version", fmt.Sprintf("of workflow %s is %d: use a number below %d", d.Name, d.Version, devStep)}
	}
	return nil
}

// deploymentOf is a definition as the topic holds it.
func deploymentOf(d *topology.Definition, version int, at topology.Instant, by string) schemas.Deployment {
	return schemas.Deployment{
		Workflow: d.Name, Version: version,
		Source: d.Source, Files: d.Files, Digest: d.Digest(),
		DeployedAt: at, By: by,
	}
}

// deployed are the definitions that the topic holds, by key.
type deployed map[string]schemas.Deployment

// put takes a record of the topic. A second record of a key counts only if it
// says the same: compaction keeps the newest, but instances run by the first.
func (d deployed) put(key string, value []byte) (schemas.Deployment, error) {
	next, err := schemas.DecodeDeployment(value)
	if err != nil {
		return schemas.Deployment{}, fmt.Errorf("definition %s: %w", key, err)
	}
	if want := definitionKey(next.Workflow, next.Version); key != want {
		return schemas.Deployment{}, fmt.Errorf("definition %s stands under the key %s: it was written by something else than rondo deploy", want, key)
	}
	if first, ok := d[key]; ok && first.Digest != next.Digest {
		return schemas.Deployment{}, fmt.Errorf("definition %s was overwritten with another content, which is ignored: deploy it as a new version", key)
	}
	d[key] = next
	return next, nil
}

// newestOf returns the newest deployment of a version that files name, its
// changes in `rondo dev` included.
func (d deployed) newestOf(workflow string, version int) (schemas.Deployment, bool) {
	var newest schemas.Deployment
	found := false
	for _, one := range d {
		if one.Workflow != workflow || one.Version%devStep != version {
			continue
		}
		if !found || compareVersions(one.Version, newest.Version) > 0 {
			newest, found = one, true
		}
	}
	return newest, found
}

// newest is the newest version of a workflow, once there is the given one too.
func (d deployed) newest(workflow string, version int) int {
	for _, one := range d {
		if one.Workflow == workflow && compareVersions(one.Version, version) > 0 {
			version = one.Version
		}
	}
	return version
}

// conflictText says that a version is taken.
func conflictText(have schemas.Deployment) string {
	var by strings.Builder
	fmt.Fprintf(&by, "%s version %s was deployed on %s", have.Workflow, VersionText(have.Version), have.DeployedAt.Time().Format("2006-01-02 15:04 MST"))
	if have.By != "" {
		fmt.Fprintf(&by, " by %s", have.By)
	}
	fmt.Fprintf(&by, " with another content: a deployed version never changes, give the file version %d", have.Version%devStep+1)
	return by.String()
}
