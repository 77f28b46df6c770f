package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/pflag"
)

func versionVerb() verb {
	return verb{
		name:  "version",
		short: "print the version",
		long:  "Prints the version of corelift, the revision it was built from and that of Go.",
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			return func(_ context.Context, s streams) error {
				if fs.NArg() > 0 {
					return &usageError{text: "version takes no arguments"}
				}
				_, err := fmt.Fprintln(s.out, versionLine())
				return err
			}
		},
	}
}

func versionLine() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "corelift (unknown version)"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	line := "corelift " + info.Main.Version
	if revision := settings["vcs.revision"]; revision != "" {
		line += " " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			line += "+changes"
		}
	}
	return line + " " + info.GoVersion
}
