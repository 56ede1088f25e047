package workload

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// branches of one instance of the fanout.
const branches = 1000

// fanout plays workflows that call for each of a thousand numbers at once.
type fanout struct {
	tag                            string
	begin, replies, commands, done string // topics
	beginValue, replyValue         payload
}

func openFanout(c Casting) (Player, error) {
	p := &fanout{
		tag:   c.Tag,
		begin: Topic(c.Prefix, topicBegin), replies: Topic(c.Prefix, topicReplies),
		commands: Topic(c.Prefix, topicCommands), done: Topic(c.Prefix, topicDone),
	}
	numbers := make([]any, branches)
	for i := range numbers {
		numbers[i] = int32(i)
	}
	var err error
	if p.beginValue, err = encode("numbers.avsc", map[string]any{"numbers": numbers}); err != nil {
		return nil, err
	}
	p.replyValue, err = encode("reply.avsc", map[string]any{"text": greeting})
	return p, err
}

func (p *fanout) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, n)
	return event(p.begin, "Begin", id, p.beginValue.of(id))
}

func (p *fanout) See(r *kgo.Record) Sighting {
	n := caseOf(p.tag, r.Key)
	switch {
	case n < 0:
		return stranger
	case r.Topic == p.done:
		return Sighting{Case: n, Place: branches}
	case r.Topic != p.commands:
		return stranger
	}
	branch, err := strconv.Atoi(string(header(r, "branch")))
	if err != nil || branch < 0 || branch >= branches {
		return Sighting{Case: n, Wrong: fmt.Sprintf("a command of the branch %q", header(r, "branch"))}
	}
	return Sighting{Case: n, Place: branch, Reply: reply(p.replies, "Reply", r.Key, p.replyValue.of(r.Key), r)}
}
