package diag

import (
	"embed"
	"strings"
)

//go:embed explain/*.md
var essays embed.FS

// Explain returns the essay on a code, in Markdown: what it means, why it is
// said, an example and its remedy. It returns false for a code that has none.
func Explain(code string) (string, bool) {
	text, err := essays.ReadFile("explain/" + code + ".md")
	if err != nil {
		return "", false
	}
	return string(text), true
}

// Codes lists all codes that Explain knows, in alphabetical order.
func Codes() []string {
	files, err := essays.ReadDir("explain")
	if err != nil {
		panic("read embedded essays: " + err.Error())
	}
	codes := make([]string, len(files))
	for i, f := range files {
		codes[i] = strings.TrimSuffix(f.Name(), ".md")
	}
	return codes
}
