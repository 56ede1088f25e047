// Package view shows a run while it goes on: on a terminal as a panel that is
// drawn anew in its place, elsewhere as a plain line now and then. It holds no
// state of the run; it is handed one State after another.
package view
