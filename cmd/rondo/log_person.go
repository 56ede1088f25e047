package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// personHandler writes events as one line for somebody who sits at a terminal: when,
// what, where and what to do. It knows the events that such a person meets; of others
// it writes the message with its fields. What is told over and over is counted:
// see tellRepeats.
type personHandler struct {
	level slog.Leveler
	flags string       // that name the application to the operators' commands
	with  []slog.Attr  // of all events
	out   *personLines // shared by all handlers made of this one
}

// personLines takes one line at a time.
type personLines struct {
	mu      sync.Mutex
	w       io.Writer
	repeats map[string]*repeat // of what was told, by its cause; as many as definitions give causes
}

func newPersonHandler(w io.Writer, level slog.Leveler, flags string) *personHandler {
	return &personHandler{level: level, flags: flags, out: &personLines{w: w, repeats: map[string]*repeat{}}}
}

// Enabled is as of slog.Handler.
func (h *personHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// WithAttrs is as of slog.Handler.
func (h *personHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.with = append(out.with[:len(out.with):len(out.with)], attrs...)
	return &out
}

// WithGroup is as of slog.Handler; nothing here groups, so the names stay short.
func (h *personHandler) WithGroup(string) slog.Handler { return h }

// Handle is as of slog.Handler.
func (h *personHandler) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{}
	var order []string
	note := func(a slog.Attr) bool {
		fields[a.Key] = a.Value.Resolve().String()
		order = append(order, a.Key)
		return true
	}
	for _, a := range h.with {
		note(a)
	}
	r.Attrs(note)
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	if h.out.counted(r.Time, r.Message, fields) {
		return nil
	}
	return h.out.line(r.Time, h.text(r.Message, fields, order))
}

// line writes one; the caller holds the lock.
func (o *personLines) line(at time.Time, text string) error {
	_, err := fmt.Fprintf(o.w, "%s  %s\n", at.Format(time.TimeOnly), text)
	return err
}

func (h *personHandler) text(message string, fields map[string]string, order []string) string {
	switch {
	case isIncident(message):
		return fmt.Sprintf("incident  %s stands still at %s: %s\n          mend its cause, then: rondo act retry %s",
			fields["instance"], dash(fields["place"]), fields["text"], fields["instance"]+h.flags)
	case isDeadLetter(message):
		return fmt.Sprintf("dead letter  %s is not used (%s): %s; see rondo dlq list%s", fields["record"], fields["reason"], fields["text"], h.flags)
	}
	var more []string
	for _, key := range order {
		if fields[key] != "" && key != "partition" {
			more = append(more, key+" "+fields[key])
		}
	}
	if len(more) == 0 {
		return message
	}
	return message + " (" + strings.Join(more, ", ") + ")"
}

// isScreen reports whether a person sees what is written to w.
func isScreen(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
