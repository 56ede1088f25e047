package overheat

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
)

// limit is the temperature above which a machine is hot, in °C.
const limit = 90.0

// How the machines are. Shares are of hot phases.
const (
	readEvery  = 120 * time.Millisecond
	fallSilent = 0.15 // while hot
	stuck      = 0.12 // do not hear that they are to stop
)

// hallHabits are those of a machine that is told to stop: Patience and Pause
// follow the definition.
var hallHabits = services.Habits{
	Base: 10 * time.Millisecond, Mean: 40 * time.Millisecond, Most: 250 * time.Millisecond,
	Silent: 0.12, SilentMost: 2,
	Late: 0.05, Patience: 500 * time.Millisecond, Pause: 100 * time.Millisecond,
	Twice: 0.06, Echo: 0.5,
}

type (
	reading struct {
		MachineID string  `json:"machine_id"`
		TempC     float64 `json:"temp_c"`
		Boot      int     `json:"boot"`
	}
	machineStopped struct {
		MachineID string `json:"machine_id"`
	}
)

// hall is the machines, and the service that carries their commands out.
type hall struct {
	*services.Service

	mu    sync.Mutex
	boots map[string]int // by machine
}

func openHall(cfg services.Config) (*hall, error) {
	h := &hall{boots: map[string]int{}}
	service, err := services.Open(cfg, services.Spec{
		Name:     "machines",
		Commands: commandsTopic,
		Events:   eventsTopic,
		Habits:   hallHabits,
		Read:     h.read,
		Decide:   h.decide,
		Answers: func(c services.Command, done ledger.Entry) ([]services.Answer, error) {
			if done.Did != Stopped {
				return nil, nil
			}
			a, err := services.JSON(machineStoppedType, machineStopped{c.Key})
			return []services.Answer{a}, err
		},
	})
	h.Service = service
	return h, err
}

// read finds out what a machine is told; one that is stuck hears nothing of a
// stop.
func (h *hall) read(r *kgo.Record) (services.Command, bool, error) {
	machine := string(r.Key)
	c := services.Command{Key: machine, Subject: subjectOf(machine, h.boot(machine))}
	switch services.TypeOf(r) {
	case stopMachineType:
		c.Payload = Stopped
		return c, h.Dice.Roll(c.Subject, "stuck") >= stuck, nil
	case restartMachineType:
		c.Payload, c.Sure = Restarted, true
		return c, true, nil
	}
	return c, false, nil
}

// decide does what a machine is told, the first time that it hears it.
func (h *hall) decide(_ services.Dice, c services.Command) ledger.Entry {
	did, _ := c.Payload.(ledger.Deed)
	if did == Restarted {
		h.start(c.Key)
	}
	return ledger.Entry{Did: did}
}

func (h *hall) boot(machine string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boots[machine]
}

// play starts machines at a steady rate, the ids being run and a number from 1.
func (h *hall) play(ctx context.Context, run string, machines int, rate float64) error {
	return h.Pace(ctx, machines, rate, func(i int) { h.start(fmt.Sprintf("%s%04d", run, i)) })
}

// start begins a life of a machine.
func (h *hall) start(machine string) {
	h.mu.Lock()
	h.boots[machine]++
	boot := h.boots[machine]
	h.mu.Unlock()
	var records []*kgo.Record
	for _, temp := range life(h.Dice, subjectOf(machine, boot), boot > lives) {
		event, err := services.JSON(readingType, reading{machine, temp, boot})
		if err != nil {
			h.Fail(err)
			return
		}
		records = append(records, event.Record(readingsTopic, machine))
	}
	h.Series(records, readEvery)
}

// subjectOf names a life of a machine apart from its run; chance hangs on it.
func subjectOf(machine string, boot int) string {
	return "machine " + services.NumberOf(machine) + " boot " + strconv.Itoa(boot)
}

// life is the temperatures that a machine reads in one life: warm ones, in half
// of all lives one or two hot ones among them, and then, unless the machine is
// tame, too many hot ones, or one or two hot ones and silence.
func life(d services.Dice, subject string, tame bool) []float64 {
	var temps []float64
	add := func(n int, from, to float64) {
		for range n {
			roll := d.Roll(subject, "temp", strconv.Itoa(len(temps)))
			temps = append(temps, math.Round((from+roll*(to-from))*10)/10)
		}
	}
	number := func(most int, what string) int { return 1 + int(d.Roll(subject, what)*float64(most)) }
	add(number(4, "warm"), 55, limit-1)
	if d.Roll(subject, "moment") < 0.5 {
		add(number(2, "moment long"), limit+1, limit+9)
		add(number(3, "warm again"), 55, limit-1)
	}
	switch {
	case tame:
	case d.Roll(subject, "silent") < fallSilent:
		add(number(2, "before silence"), limit+1, limit+9)
	default:
		add(3+number(5, "hot"), limit+1, limit+19)
	}
	return temps
}
