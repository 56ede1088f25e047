// Package config reads rondo.yaml, the file that tells a node where Kafka is
// and who it is.
//
// A key is written down once, in keys.go: its path, meaning, danger, default
// and how its value is read. The loader walks the YAML tree with that table,
// and docs/configuration.md is printed from it; so a key that works is
// documented, and a documented key works.
//
// Everything wrong with a file is reported at once, each finding with its
// place: unknown keys with the name that was probably meant, values that
// cannot be read, and what processor.Config.Validate says, traced back to the
// line of the key. That is why a configuration library is not used here: those
// at hand merge sources into a map and lose the places.
//
// A value may hold ${env:NAME} or ${file:PATH}. A secret must: files like this
// end up in version control.
package config
