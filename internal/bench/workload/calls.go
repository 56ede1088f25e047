package workload

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// calls plays workflows that make some calls one after the other, in steps s1,
// s2 and so on, and then say that they are done.
type calls struct {
	tag                    string
	begin, replies         string // topics
	commands, done         string
	beginValue, replyValue payload
	count                  int
}

// greeting is the text that goes to and fro.
const greeting = "Tokyo, Seattle, London"

func openCalls(count int) func(Casting) (Player, error) {
	return func(c Casting) (Player, error) {
		p := &calls{
			tag: c.Tag, count: count,
			begin: Topic(c.Prefix, topicBegin), replies: Topic(c.Prefix, topicReplies),
			commands: Topic(c.Prefix, topicCommands), done: Topic(c.Prefix, topicDone),
		}
		var err error
		if p.beginValue, err = encode("begin.avsc", map[string]any{"text": greeting}); err != nil {
			return nil, err
		}
		p.replyValue, err = encode("reply.avsc", map[string]any{"text": greeting})
		return p, err
	}
}

func (p *calls) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, n)
	return event(p.begin, "Begin", id, p.beginValue.of(id))
}

func (p *calls) See(r *kgo.Record) Sighting {
	n := caseOf(p.tag, r.Key)
	switch {
	case n < 0:
		return stranger
	case r.Topic == p.done:
		return Sighting{Case: n, Place: p.count}
	case r.Topic != p.commands:
		return stranger
	}
	step, ok := stepNumber(header(r, headerStep))
	if !ok || step > p.count {
		return Sighting{Case: n, Wrong: fmt.Sprintf("a command of the step %q", header(r, headerStep))}
	}
	return Sighting{Case: n, Place: step - 1, Reply: reply(p.replies, "Reply", r.Key, p.replyValue.of(r.Key), r)}
}

// stepNumber reads "s3" as 3.
func stepNumber(name []byte) (n int, ok bool) {
	if len(name) < 2 || name[0] != 's' {
		return 0, false
	}
	n, err := strconv.Atoi(string(name[1:]))
	return n, err == nil && n > 0
}
