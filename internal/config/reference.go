package config

import (
	"fmt"
	"strings"
)

// Reference is docs/configuration.md, printed from the table of keys.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := "-"
	for _, k := range Keys() {
		if g := groupOf(k.Path); g != group {
			group = g
			writeGroup(&b, g)
		}
		writeKey(&b, k)
	}
	b.WriteString(referenceTail)
	return b.String()
}

// groupOf is the path without its last part.
func groupOf(path string) string {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)]
}

// writeGroup writes the heading of a group; keys without one stand at the top.
func writeGroup(b *strings.Builder, path string) {
	top, _, _ := strings.Cut(path, ".")
	for _, g := range Groups() {
		if g.Path == top {
			fmt.Fprintf(b, "## %s\n\n%s\n\n", g.Path, g.Meaning)
		}
	}
}

func writeKey(b *strings.Builder, k Key) {
	fmt.Fprintf(b, "### `%s`\n\n%s\n\n", k.Path, k.Meaning)
	if k.Danger != "" {
		fmt.Fprintf(b, "**Danger:** %s\n\n", k.Danger)
	}
	fmt.Fprintf(b, "Takes: %s. Default: %s.\n\n```yaml\n%s\n```\n\n", k.Kind, code(k.Default), k.Example)
}

// code sets a default as code, unless it is a sentence about one.
func code(text string) string {
	if strings.ContainsAny(text, " ,") || text == "none" {
		return text
	}
	return "`" + text + "`"
}

const referenceHead = `# Configuration

<!-- Printed from internal/config/keys.go: change it there, then run
     go test ./internal/config -update -->

` + "`rondo serve --config rondo.yaml`" + `, and every other command that talks to the cluster, reads one file. It needs
two keys:

` + "```yaml\napp: shop\nbrokers: [localhost:9092]\n```" + `

- Unknown keys, keys given twice and values that cannot be used are errors. All of them are reported at once, with
  their place and, where there is one, the name that was probably meant.
- ` + "`${env:NAME}`" + ` stands for a variable of the environment and ` + "`${file:PATH}`" + ` for the content of a file, in every
  text. A password must be given so. Quote such a text within ` + "`[]` or `{}`" + `.
- Paths are relative to the folder of the file.
- Durations have a unit: ` + "`500ms`, `10s`, `1m30s`" + `.
- All nodes of an application need the same ` + "`app`, `partitions`, `sources` and `limits`" + `.

`

const referenceTail = `## A whole file

` + "```yaml\n" + wholeFile + "```\n"

// wholeFile is the example at the end of the reference; a test loads it.
const wholeFile = `app: shop
brokers: [kafka-1:9093, kafka-2:9093, kafka-3:9093]
partitions: 32
replication: 3
data-dir: /var/lib/rondo
definitions: [/etc/rondo/workflows]

tls: {ca: /etc/rondo/ca.pem}
sasl:
  mechanism: scram-sha-512
  user: rondo
  password: ${env:KAFKA_PASSWORD}

registry:
  url: https://schemas:8081
  user: rondo
  password: ${file:/run/secrets/registry}

sources:
  shop.orders: {from: earliest}
  plant.readings: {unmatched: dead-letter}

history: {payload: 16KiB}
session-timeout: 10s
transaction-timeout: 10s
http: {listen: 0.0.0.0:7070}
`
