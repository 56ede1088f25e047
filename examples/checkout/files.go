// Package checkout holds the files of the checkout, the story of a web shop's
// order that is told in README.md, so that a program can carry them along.
package checkout

import "embed"

// Files are the definition, checkout.yaml, and the Avro schemas that it names.
//
//go:embed checkout.yaml schemas
var Files embed.FS

// Definition is the name of the definition in Files.
const Definition = "checkout.yaml"
