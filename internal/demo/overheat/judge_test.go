package overheat

import (
	"fmt"
	"testing"
	"time"

	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
	"rondo/internal/demo/verdict/verdicttest"
)

// hallBook writes the records of machines by hand.
type hallBook struct{ *verdicttest.Book }

// newHallBook is a flawless run: m-1 overheats, is stopped at the second attempt
// and runs again; m-2 is hot for a moment; m-3 falls silent and does not answer.
func newHallBook(t *testing.T) hallBook {
	b := hallBook{verdicttest.New(t, "overheat-guard")}
	b.read("r-m1", 1, 60)
	b.read("r-m1", 1, 91)
	b.read("r-m1", 1, 92)
	third := b.read("r-m1", 1, 93)
	b.stop("r-m1", "a1", 1, third, "overheated")
	b.read("r-m1", 1, 99)
	b.Pass(550 * time.Millisecond)
	b.stop("r-m1", "a1", 2, "", "overheated")
	b.Input(eventsTopic, "r-m1", machineStoppedType, "{}")
	b.Pass(cooling)
	b.send("r-m1", restartMachineType, "a2")
	b.read("r-m1", 2, 60)

	b.read("r-m2", 1, 91)
	b.read("r-m2", 1, 92)
	b.read("r-m2", 1, 80)

	b.read("r-m3", 1, 91)
	b.Pass(silence)
	b.stop("r-m3", "c1", 1, "", "silent")
	for attempt := 2; attempt <= attempts; attempt++ {
		b.Pass(600 * time.Millisecond)
		b.stop("r-m3", "c1", attempt, "", "silent")
	}
	b.Pass(500 * time.Millisecond)
	b.send("r-m3", pageTechnicianType, "c2")
	b.Pass(cooling)
	b.send("r-m3", restartMachineType, "c3")
	return b
}

func (b hallBook) read(machine string, boot int, temp float64) (cause string) {
	b.Pass(readEvery)
	return b.Input(readingsTopic, machine, readingType, fmt.Sprintf(`{"machine_id":%q,"temp_c":%g,"boot":%d}`, machine, temp, boot))
}

func (b hallBook) stop(machine, id string, attempt int, cause, reason string) {
	b.Send(verdicttest.Command{
		Topic: commandsTopic, Key: machine, Kind: stopMachineType, Step: "stop", ID: id, Attempt: attempt, Cause: cause,
		Value: fmt.Sprintf(`{"machine_id":%q,"reason":%q}`, machine, reason),
	})
}

func (b hallBook) send(machine, kind, id string) {
	topic := map[string]string{restartMachineType: commandsTopic, pageTechnicianType: oncallTopic}[kind]
	b.Send(verdicttest.Command{Topic: topic, Key: machine, Kind: kind, Step: "a-step", ID: id})
}

func judge(b hallBook) *verdict.Report { return Judge(&b.Books) }

func TestFlawlessRunIsClean(t *testing.T) {
	r := judge(newHallBook(t))
	if !r.Clean() {
		t.Fatalf("violations in a flawless run: %v", r.Violations)
	}
	if got, want := [...]int{r.Cases, r.Completed, r.Failed, r.Lost, r.Unfinished, r.Retries}, [...]int{2, 1, 1, 0, 0, 4}; got != want {
		t.Errorf("phases, stopped, paged, lost, unfinished, retries = %v, want %v", got, want)
	}
}

func TestEachFlawIsFound(t *testing.T) {
	verdicttest.Check(t, []verdicttest.Flaw[hallBook]{
		{Name: "a machine that was not stopped", Key: "r-m1", At: "plant.readings/0/3", Want: []verdict.Code{Unstopped},
			Do: func(b hallBook) { b.Without("a1"); b.Without("a2") }},
		{Name: "a machine that was hot for a moment and stopped", Key: "r-m2", At: "plant.commands/0/8", Want: []verdict.Code{NeedlessStop},
			Do: func(b hallBook) { b.stop("r-m2", "b1", 1, "plant.readings/0/7", "overheated") }},
		{Name: "a machine that was stopped one reading too early", Key: "r-m1", At: "plant.readings/0/3", Want: []verdict.Code{Unstopped, NeedlessStop},
			Do: func(b hallBook) { b.Find("a1", 1).Headers["rondo-cause"] = "plant.readings/0/2"; b.Without("a2") }},
		{Name: "a machine that was stopped for silence before the time", Key: "r-m3", At: "plant.readings/0/9", Want: []verdict.Code{Unstopped, NeedlessStop},
			Do: func(b hallBook) { first := b.Find("c1", 1); first.Time = first.Time.Add(-time.Second) }},
		{Name: "a second stop of one phase", Key: "r-m1", At: "plant.commands/0/8", Want: []verdict.Code{verdict.SameEffectTwice, NeedlessStop},
			Do: func(b hallBook) { b.Again("a1", 1).Headers["rondo-command-id"] = "a9" }},
		{Name: "the same attempt twice", Key: "r-m1", At: "plant.commands/0/8", Want: []verdict.Code{verdict.DuplicateCommand},
			Do: func(b hallBook) { b.Again("a1", 2) }},
		{Name: "a silent machine told that it was too hot", Key: "r-m1", Want: []verdict.Code{verdict.ChangedCommand, verdict.WrongReason},
			Do: func(b hallBook) { b.Find("a1", 1).Value = []byte(`{"reason":"silent"}`) }},
		{Name: "no answer and no technician", Key: "r-m3", At: "plant.commands/0/3", Want: []verdict.Code{NotPaged},
			Do: func(b hallBook) { b.Without("c2") }},
		{Name: "a technician while attempts are left", Key: "r-m3", At: "oncall.commands/0/0", Want: []verdict.Code{NeedlessPage},
			Do: func(b hallBook) { b.Without("c1", 4) }},
		{Name: "two technicians", Key: "r-m3", At: "oncall.commands/0/1", Want: []verdict.Code{verdict.SecondVisit},
			Do: func(b hallBook) { b.Again("c2", 1).Headers["rondo-command-id"] = "c9" }},
		{Name: "five attempts", Key: "r-m3", At: "plant.commands/0/8", Want: []verdict.Code{verdict.SecondVisit},
			Do: func(b hallBook) { b.Again("c1", 4).Headers["rondo-attempt"] = "5" }},
		{Name: "a machine that never runs again", Key: "r-m1", At: "plant.commands/0/0", Want: []verdict.Code{verdict.Unfinished},
			Do: func(b hallBook) { b.Without("a2") }},
		{Name: "a machine that is started twice", Key: "r-m1", At: "plant.commands/0/8", Want: []verdict.Code{verdict.SecondVisit},
			Do: func(b hallBook) { b.Again("a2", 1).Headers["rondo-command-id"] = "a9" }},
		{Name: "a machine that is started while it is hot", Key: "r-m1", At: "plant.commands/0/2", Want: []verdict.Code{TooEarly},
			Do: func(b hallBook) { r := b.Find("a2", 1); r.Time = r.Time.Add(-time.Second) }},
		{Name: "a machine that is started without having been stopped", Key: "r-m2", At: "plant.commands/0/8", Want: []verdict.Code{verdict.LeftOver},
			Do: func(b hallBook) { b.send("r-m2", restartMachineType, "b1") }},
		{Name: "a command to no machine", Key: "r-m9", At: "plant.commands/0/8", Want: []verdict.Code{verdict.LeftOver},
			Do: func(b hallBook) { b.send("r-m9", restartMachineType, "b1") }},
		{Name: "a reading that cannot be read", Key: "r-m2", At: "plant.readings/0/10", Want: []verdict.Code{verdict.Unreadable},
			Do: func(b hallBook) { b.Input(readingsTopic, "r-m2", readingType, "{") }},
	}, newHallBook, judge)
}

// A pause that the engine may have taken for silence is no violation, and
// neither is one that it did not.
func TestAPauseMayHaveBeenSilence(t *testing.T) {
	for _, stopped := range []bool{true, false} {
		b := hallBook{verdicttest.New(t, "overheat-guard")}
		b.read("r-m1", 1, 91)
		b.Pass(silence)
		if stopped {
			b.stop("r-m1", "a1", 1, "", "silent")
			b.Input(eventsTopic, "r-m1", machineStoppedType, "{}")
		}
		b.read("r-m1", 1, 60)
		if stopped {
			b.Pass(cooling)
			b.send("r-m1", restartMachineType, "a2")
		}
		if r := judge(b); !r.Clean() {
			t.Errorf("stopped %v: %v", stopped, r.Violations)
		}
	}
}

func TestEveryTroubleShowsInAUsualRun(t *testing.T) {
	d := services.Dice{Seed: 42}
	var silent, moments, deaf int
	for i := range Story.Load.Default {
		for boot := 1; boot <= lives; boot++ {
			subject := subjectOf(fmt.Sprintf("r-%04d", i), boot)
			temps := life(d, subject, false)
			if temps[len(temps)-1] <= limit {
				t.Fatalf("%s ends at %g °C", subject, temps[len(temps)-1])
			}
			silent += count(d.Roll(subject, "silent") < fallSilent)
			moments += count(d.Roll(subject, "moment") < 0.5)
			deaf += count(d.Roll(subject, "stuck") < stuck)
		}
	}
	if silent < 20 || moments < 100 || deaf < 20 {
		t.Errorf("%d silent, %d hot for a moment, %d stuck", silent, moments, deaf)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
