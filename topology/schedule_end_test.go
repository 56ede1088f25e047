package topology_test

import (
	"math"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

// A damaged record may have a schedule fire at the end of time. It does, and then never
// again: times behind the last one are not the first ones.
func TestAScheduleEndsWithTime(t *testing.T) {
	for name, when := range map[string]string{"cron": "cron: '* * * * *', zone: Europe/Berlin", "every": "every: 1m"} {
		plan := compile(t, "w.yaml", "messages: {Tell: {topic: out}}\nstart: {"+when+"}\ndo: [{tell: {send: Tell}}]\n", topology.Limits{})
		to := topology.ScheduleAddress("test")
		armed := plan.DecideAt(to, nil, topology.Input{At: script.Start}).Instance
		if armed == nil || !armed.Counter.Next.Armed() {
			t.Fatalf("%s: %+v", name, armed)
		}
		d := plan.DecideAt(to, armed, topology.Input{At: math.MaxInt64, Timer: true})
		if d.Outcome != topology.Fired || len(d.Letters) != 1 || d.Instance.Counter.Next.Armed() {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
