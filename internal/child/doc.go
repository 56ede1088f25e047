// Package child starts processes that end with this one, however it ends: on
// Linux the kernel sees to it, elsewhere the child does, whose standard input
// ends then.
package child
