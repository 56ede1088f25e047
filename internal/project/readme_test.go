package project

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rondo/internal/config"
	"rondo/topology"
	"rondo/topology/script"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Whatever the README shows as a workflow or as a configuration is one.
func TestReadmeExamplesAreValid(t *testing.T) {
	workflows, configurations := 0, 0
	for _, block := range yamlBlock.FindAllStringSubmatch(read(t, "README.md"), -1) {
		text := []byte(block[1])
		if strings.Contains(block[1], "\ntests:") {
			continue // a file of tests, whose workflow stands in another block
		}
		if !strings.HasPrefix(block[1], "workflow:") {
			configurations++
			if _, found := config.Parse("rondo.yaml", text, config.Process()); found.HasErrors() {
				t.Errorf("configuration: %+v", found)
			}
			continue
		}
		if strings.Contains(block[1], "\ntests:") {
			if _, found := script.Parse("README.md", text); len(found) > 0 {
				t.Errorf("script: %+v", found)
			}
			continue
		}
		workflows++
		def, found := topology.Parse("README.md", text, os.ReadFile)
		if len(found) > 0 {
			t.Fatalf("workflow: %+v", found)
		}
		if _, found := topology.Compile(def, topology.Options{Application: "readme"}); len(found) > 0 {
			t.Errorf("workflow: %+v", found)
		}
	}
	if workflows == 0 || configurations == 0 {
		t.Errorf("the README shows %d workflows and %d configurations", workflows, configurations)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestDocumentationLinksToWhatIsThere(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	stories, err := filepath.Glob(filepath.Join(root, "examples/*/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append(pages, filepath.Join(root, "README.md")), stories...)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
