package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// logFlags are how a long-running command logs.
type logFlags struct{ form, level *string }

func addLogFlags(cmd *cobra.Command) logFlags {
	f := logFlags{
		form:  cmd.Flags().String("log", "text", "form of the log on stderr: text or json"),
		level: cmd.Flags().String("log-level", "info", "least level that is logged: debug, info, warn or error"),
	}
	for name, values := range map[string][]string{"log": {"text", "json"}, "log-level": {"debug", "info", "warn", "error"}} {
		if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic("complete --" + name + ": " + err.Error())
		}
	}
	return f
}

// logger writes to w as the flags say.
func (f logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(*f.level))); err != nil {
		return nil, usagef("--log-level %s is not known: choose debug, info, warn or error", *f.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch *f.form {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("--log %s is not known: choose text or json", *f.form)
}
