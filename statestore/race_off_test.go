//go:build !race

package statestore

const slowness = 1
