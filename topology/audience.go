package topology

import (
	"slices"
	"strings"

	"rondo/topology/value"
)

// HeaderReplayFor is the header of a replayed record that says for whom it is: the
// text of an Audience.
const HeaderReplayFor = "rondo-replay-for"

// Audience is for whom a record was replayed: those who have refused it. All others
// have decided on it when it came first, and shall not do so again.
type Audience struct {
	Topic       string // of the record; a copy of its header on another topic means nothing
	Application string
	Workflow    string // "": all of the application's
	Key         string // of the instance that refused it, or of a mailbox; "": it did not come so far
}

// String is the header's value: TOPIC APPLICATION, TOPIC APPLICATION/WORKFLOW or
// TOPIC APPLICATION/WORKFLOW/KEY. Only a key can have blanks and slashes.
func (a Audience) String() string {
	text := a.Topic + " " + a.Application
	if a.Workflow != "" {
		text += "/" + a.Workflow
		if a.Key != "" {
			text += "/" + a.Key
		}
	}
	return text
}

// ParseAudience reads the header of a record on a topic; false if it says nothing
// about that topic.
func ParseAudience(topic, header string) (Audience, bool) {
	on, whom, ok := strings.Cut(header, " ")
	if !ok || on != topic || whom == "" {
		return Audience{}, false
	}
	a := Audience{Topic: on}
	a.Application, whom, _ = strings.Cut(whom, "/")
	a.Workflow, a.Key, _ = strings.Cut(whom, "/")
	return a, true
}

// meantKey is the key for which alone a record was replayed to the plan's workflow;
// "" if it was not replayed, or not for one key.
func (p *Plan) meantKey(topic string, headers *value.Map) string {
	text, _ := textIn(headers, HeaderReplayFor)
	a, ok := ParseAudience(topic, text)
	if !ok || a.Application != p.options.Application || a.Workflow != p.definition.Name {
		return ""
	}
	return a.Key
}

// narrowed are the keys that a record is for, now that it was replayed for one of
// them. If this version gives it other keys, as one that was mended, all of them are
// meant.
func narrowed(keys []string, meant string) []string {
	if meant == "" || !slices.Contains(keys, meant) {
		return keys
	}
	return []string{meant}
}
