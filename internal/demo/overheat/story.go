// Package overheat is the world of examples/overheat-guard: a hall of machines
// that send readings and obey commands, and a technician who is called to those
// that do not.
//
//	StopMachine, RestartMachine ──► machines   ──► Reading, MachineStopped
//	PageTechnician              ──► technician
//
// A machine runs warm, now and then hot for a moment, and in the end too hot, or
// it falls silent while hot. It is stopped, cools down, is started again, and
// does so in all lives times. A machine that is stuck does not hear that it is to
// stop. Each reading says how often the machine was started (`boot`), by which
// the verdict knows readings from before a stop from those behind it.
package overheat

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	files "rondo/examples/overheat-guard"
	"rondo/internal/demo/ledger"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
)

// Topics of the story.
const (
	readingsTopic = "plant.readings"
	commandsTopic = "plant.commands"
	eventsTopic   = "plant.events"
	oncallTopic   = "oncall.commands"
)

// Message types of the story.
const (
	readingType        = "Reading"
	stopMachineType    = "StopMachine"
	machineStoppedType = "MachineStopped"
	pageTechnicianType = "PageTechnician"
	restartMachineType = "RestartMachine"
)

// What was done in the hall.
const (
	Stopped   ledger.Deed = "stopped"
	Restarted ledger.Deed = "restarted"
	Called    ledger.Deed = "called" // the technician
)

// The times of the definition as the demo plays it.
const (
	silence = 2 * time.Second
	cooling = 3 * time.Second
)

// lives is how often each machine runs hot.
const lives = 2

var words = verdict.Words{
	Story: "overheat-guard", Cases: "phases", Completed: "stopped", Failed: "paged",
	Clean: "Every hot phase in exactly one stop, no other machine stopped, a technician where no answer came, none restarted before it was cool.",
}

// Story is the machine protection.
var Story = &story.Story{
	Words: words,
	Short: "machines that overheat stopped in time: one watcher each",
	Long: `Play examples/overheat-guard from the first reading to a verdict: machines that
run hot, fall silent, or do not hear that they are to stop, and a technician. Each
machine goes through two hot phases. The times of the definition are shortened:
30 s of silence to 2 s, 5 min of cooling to 3 s.

The verdict is made by reading the topics, not from the nodes' counters: every
machine with three hot readings in a row, or silent after a hot one, was stopped
exactly once, and no other was; where no answer came a technician was called;
nothing was started again before it had cooled down. The exit code is 1 if it is
not so.`,
	Files: files.Files, Definition: files.Definition,
	Hastened: [][2]string{{"idle: 30s", "idle: " + silence.String()}, {"wait: 5m", "wait: " + cooling.String()}},
	Inputs:   []string{readingsTopic, eventsTopic},
	Commands: []string{commandsTopic, oncallTopic},
	Load: story.Load{
		Flag: "machines", Usage: "machines to be started", Default: 300, CasesEach: lives,
		Scene: "machines run", RateMin: 10, RateMax: 100,
	},
	Open:   open,
	Legend: legend,
	Judge:  Judge,
}

func open(cfg services.Config) (*story.Cast, error) {
	hall, err := openHall(cfg)
	if err != nil {
		return nil, err
	}
	technician, err := services.Open(cfg, newTechnician())
	if err != nil {
		hall.Close()
		return nil, err
	}
	return &story.Cast{Posts: []*services.Post{hall.Post, technician.Post}, Play: hall.play}, nil
}

// newTechnician answers to nobody: who is called comes.
func newTechnician() services.Spec {
	return services.Spec{
		Name:     "technician",
		Commands: oncallTopic,
		Read: func(r *kgo.Record) (services.Command, bool, error) {
			return services.Command{Key: string(r.Key), Subject: "call", Sure: true}, services.TypeOf(r) == pageTechnicianType, nil
		},
		Decide: func(services.Dice, services.Command) ledger.Entry { return ledger.Entry{Did: Called} },
	}
}

// phase is where a machine's current hot phase is.
type phase struct {
	number int
	paged  bool
}

// legend draws each hot phase: a case begins when a machine is to stop, and ends
// when it may run again.
func legend() observer.Legend {
	phases := services.NewMemory[phase](100_000) // by machine
	stops := map[string]string{
		stopMachineType: "stop", pageTechnicianType: "page", machineStoppedType: "stopped", restartMachineType: "restart",
	}
	return func(r *kgo.Record) observer.Sign {
		kind, machine := services.TypeOf(r), string(r.Key)
		text, ok := stops[kind]
		if !ok {
			return observer.Sign{}
		}
		p, s := phases.Of(machine), observer.Sign{Stop: text}
		switch {
		case kind == stopMachineType && observer.Header(r, "rondo-attempt") == "1":
			*p = phase{number: p.number + 1}
			s.Begins = true
		case kind == pageTechnicianType:
			p.paged = true
		case kind == restartMachineType:
			s.Ends, s.Failed = "running", p.paged
		}
		s.Case = fmt.Sprintf("%s#%d", machine, p.number)
		return s
	}
}
