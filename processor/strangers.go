package processor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/topology/diag"
)

// What bounds how much is said of records that nobody wants: usual on a topic
// that others use as well.
const (
	strangeTypes   = 20   // of one topic
	strangeRecords = 1000 // of one topic are looked at: their type may cost decoding them
)

// strangers says once for each type what fits no message of any definition: a
// misspelt type would otherwise leave no trace but a counter.
type strangers struct {
	mu     sync.Mutex // guards what follows
	looked map[string]int
	known  map[string][]string // topic → types
}

// note says what is known of a record that was passed over, the first time.
func (s *strangers) note(ctx context.Context, cfg Config, record *kgo.Record, routes []Route) {
	if len(routes) == 0 || !cfg.Log.Enabled(ctx, cfg.UnmatchedLevel) || !s.look(record.Topic) {
		return
	}
	types := typesOf(ctx, record, routes)
	name := ""
	if len(types) > 0 {
		name = types[0]
	}
	if s.first(record.Topic, name) {
		cfg.Log.Log(ctx, cfg.UnmatchedLevel, strangeText(record.Topic, types, wireTypes(record.Topic, routes)),
			"record", coordinates(record), "further", "are only counted")
	}
}

// look reports whether one more record of the topic is looked at.
func (s *strangers) look(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked == nil {
		s.looked, s.known = map[string]int{}, map[string][]string{}
	}
	s.looked[topic]++
	return s.looked[topic] <= strangeRecords && len(s.known[topic]) < strangeTypes
}

func (s *strangers) first(topic, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.known[topic], name) {
		return false
	}
	s.known[topic] = append(s.known[topic], name)
	return true
}

// typesOf are the names that the record may go by; none if it does not tell.
func typesOf(ctx context.Context, record *kgo.Record, routes []Route) []string {
	for _, route := range routes {
		if types, ok := route.Reader.Types(rawOf(record)); ok {
			return types
		}
		if decoded, err := route.Reader.Decode(ctx, rawOf(record)); err == nil {
			return decoded.Types
		}
	}
	return nil
}

// wireTypes are the types of the messages of a topic.
func wireTypes(topic string, routes []Route) []string {
	var out []string
	for _, route := range routes {
		for _, m := range route.Plan.Definition().Messages {
			if m.Topic == topic {
				out = append(out, orDefault(m.Type, m.Name))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// strangeText says why a record fits no message, and what may have been meant.
func strangeText(topic string, types, messages []string) string {
	there := strings.Join(messages, ", ")
	if len(types) == 0 {
		return fmt.Sprintf("a record on topic %s tells no type and is passed over: give it a header `type`, or JSON a field `type`; the messages there are %s", topic, there)
	}
	for _, name := range types {
		if slices.Contains(messages, name) {
			return fmt.Sprintf("a record of type %s on topic %s is passed over: the `when` of that message does not hold", name, topic)
		}
	}
	for _, name := range types {
		if meant, ok := diag.Suggest(name, messages); ok {
			return fmt.Sprintf("no message fits type %s on topic %s: did you mean %s?", name, topic, meant)
		}
	}
	return fmt.Sprintf("no message fits type %s on topic %s: the messages there are %s", types[0], topic, there)
}
