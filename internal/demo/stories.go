package demo

import (
	"rondo/internal/demo/checkout"
	"rondo/internal/demo/execution"
	"rondo/internal/demo/overheat"
	"rondo/internal/demo/personalise"
	"rondo/internal/demo/story"
)

// Stories are those that can be played; the first is played where none is named.
func Stories() []*story.Story {
	return []*story.Story{checkout.Story, overheat.Story, execution.Story, personalise.Story}
}
