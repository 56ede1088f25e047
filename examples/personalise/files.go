// Package personalise holds the files of the personalised page that is told in
// README.md, so that a program can carry them along.
package personalise

import "embed"

// Files are the definition, personalise.yaml.
//
//go:embed personalise.yaml
var Files embed.FS

// Definition is the name of the definition in Files.
const Definition = "personalise.yaml"
