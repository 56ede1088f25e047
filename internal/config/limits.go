package config

import (
	"fmt"
	"time"

	"rondo/topology"
)

// limitsMeaning stands above the keys of the group.
const limitsMeaning = "What one instance may ask for. Each limit has a name, which the fault or the dead letter gives when it is passed. " +
	"All nodes of an application, and the commands that look at its instances, need the same; a changed limit holds for the decisions made from then on."

// limitKeys are the settings of topology.Limits.
func limitKeys() []Key {
	standard := topology.DefaultLimits()
	of := func(f *File) *topology.Limits { return &f.Node.Limits }
	return []Key{
		limitSize("event", standard.Event, "An event: the record's value, key and headers, as they are on the wire. Passed: a dead letter, `limit.payload`.",
			func(f *File) *int { return &of(f).Event }),
		limitSize("command", standard.Command, "A command: the record's value, key and the headers that the definition gives it, as they are on the wire; also the `with` and the `output` of a child. Passed: the fault `limit.payload`.",
			func(f *File) *int { return &of(f).Command }),
		limitSize("variable", standard.Variable, "One variable. Passed: the fault `limit.size`.",
			func(f *File) *int { return &of(f).Variable }),
		limitSize("instance", standard.Instance, "An instance with all that is kept beside it: the lists of its loops, the older of many things it could undo. Passed: the fault `limit.size`.",
			func(f *File) *int { return &of(f).Instance }),
		limitSize("record", standard.Record, "An instance without what is kept beside it, and each piece of that: what is one record of the changelog. Passed: the fault `limit.size`.",
			func(f *File) *int { return &of(f).Record }),
		limitSize("key", standard.Key, "The key of an instance. Passed: a dead letter.",
			func(f *File) *int { return &of(f).Key }),
		limitCount("keys", standard.Keys, "Instances that one event is for. Passed: a dead letter.",
			func(f *File) *int { return &of(f).Keys }),
		limitCount("correlated", standard.Correlate, "Values by which one instance is known (`correlate`). Passed: the fault `limit.correlate`.",
			func(f *File) *int { return &of(f).Correlate }),
		limitCount("members", standard.Members, "Instances that are known by one value (`correlate`). Passed: a dead letter.",
			func(f *File) *int { return &of(f).Members }),
		limitCount("held", standard.Held, "Events that an instance holds for steps that will listen. Passed: a dead letter.",
			func(f *File) *int { return &of(f).Held }),
		limitCount("queued", standard.Queue, "Inputs that an instance keeps while it is stopped. Passed: a dead letter.",
			func(f *File) *int { return &of(f).Queue }),
		limitCount("starts", standard.Starts, "Start messages that wait for the end of an instance (`again: queue`). Passed: a dead letter.",
			func(f *File) *int { return &of(f).Starts }),
		limitCount("ids", standard.Seen, "Ids of events that an instance remembers (`id`). Passed: the oldest is forgotten, and its repetition no longer known.",
			func(f *File) *int { return &of(f).Seen }),
		limitCount("branches", standard.Branches, "Branches of an instance at once, beside its main line. Passed: the fault `limit.branches`.",
			func(f *File) *int { return &of(f).Branches }),
		limitCount("elements", standard.Elements, "Elements of the list that a `for` goes over. Passed: the fault `limit.elements`.",
			func(f *File) *int { return &of(f).Elements }),
		limitCount("entries", standard.Entries, "Steps of an instance that could be undone. Passed: the fault `limit.entries`.",
			func(f *File) *int { return &of(f).Entries }),
		limitCount("steps-at-once", standard.StepsAtOnce, "Steps of one decision. Passed: it goes on in the next one, after other keys.",
			func(f *File) *int { return &of(f).StepsAtOnce }),
		limitSize("bytes-at-once", standard.BytesAtOnce, "What one decision sends to topics and to other instances. Passed: it goes on in the next one, after other keys.",
			func(f *File) *int { return &of(f).BytesAtOnce }),
		limitCount("steps-without-input", standard.StepsUnasked, "Steps of an instance without an input or a time that passes. Passed: the fault `limit.spin`, for a loop waits for nothing.",
			func(f *File) *int { return &of(f).StepsUnasked }),
		limitCount("cost", standard.Cost, "Steps of one evaluation of an expression. Passed: the fault `limit.cost`. While it is evaluated nothing else of its partition goes on.",
			func(f *File) *int { return &of(f).Cost }),
		limitSize("text", standard.Text, "A text that an expression builds. Passed: the fault `limit.cost`.",
			func(f *File) *int { return &of(f).Text }),
		limitTime("timer-ahead", standard.TimerAhead, "How far ahead a timer may be due. Passed: the fault `limit.timer`.",
			func(f *File) *time.Duration { return &of(f).TimerAhead }),
	}
}

func limitSize(name string, standard int, meaning string, field func(*File) *int) Key {
	return Key{
		Path: "limits." + name, Kind: "size", Default: sizeText(standard), Example: fmt.Sprintf("limits: {%s: %s}", name, sizeText(standard)),
		Meaning: meaning, read: someBytes(field),
	}
}

func limitCount(name string, standard int, meaning string, field func(*File) *int) Key {
	return Key{
		Path: "limits." + name, Kind: "whole number", Default: fmt.Sprint(standard), Example: fmt.Sprintf("limits: {%s: %d}", name, standard),
		Meaning: meaning, read: whole(field),
	}
}

func limitTime(name string, standard time.Duration, meaning string, field func(*File) *time.Duration) Key {
	hours := fmt.Sprintf("%dh", int(standard.Hours()))
	return Key{
		Path: "limits." + name, Kind: "duration", Default: hours, Example: fmt.Sprintf("limits: {%s: %s}", name, hours),
		Meaning: meaning, read: duration(field),
	}
}

// sizeText is a number of bytes as a person writes it.
func sizeText(bytes int) string {
	switch {
	case bytes%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", bytes>>20)
	case bytes%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", bytes>>10)
	}
	return fmt.Sprint(bytes)
}
