// Package project holds the tests of what is not Go: the compose file, the
// image, the documentation. What they say must be true of the program.
package project
