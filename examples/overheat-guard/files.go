// Package overheat holds the files of the machine protection that is told in
// README.md, so that a program can carry them along.
package overheat

import "embed"

// Files are the definition, overheat-guard.yaml.
//
//go:embed overheat-guard.yaml
var Files embed.FS

// Definition is the name of the definition in Files.
const Definition = "overheat-guard.yaml"
