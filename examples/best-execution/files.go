// Package execution holds the files of the order execution that is told in
// README.md, so that a program can carry them along.
package execution

import "embed"

// Files are the definition, best-execution.yaml, and the Avro schemas that it
// names.
//
//go:embed best-execution.yaml schemas
var Files embed.FS

// Definition is the name of the definition in Files.
const Definition = "best-execution.yaml"
