package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

func completionVerb() verb {
	return verb{
		name:  "completion",
		args:  "SHELL",
		short: "print a completion script for bash, zsh or fish",
		long: `Prints a script that makes a shell complete verbs, flags and files:

    bash   source <(corelift completion bash)
    zsh    corelift completion zsh > "${fpath[1]}/_corelift"
    fish   corelift completion fish > ~/.config/fish/completions/corelift.fish`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			return func(_ context.Context, s streams) error {
				if fs.NArg() == 1 {
					if script, ok := completions()[fs.Arg(0)]; ok {
						_, err := io.WriteString(s.out, script())
						return err
					}
				}
				return &usageError{text: "completion takes one of bash, zsh, fish"}
			}
		},
	}
}

// completions makes each shell's script from the table of verbs.
func completions() map[string]func() string {
	return map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
}

func verbNames() string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return strings.Join(names, " ")
}

// eachFlag calls f for every flag of a verb that its help shows.
func (v verb) eachFlag(f func(*pflag.Flag)) {
	fs, _ := v.newFlags()
	fs.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			f(flag)
		}
	})
}

// brief is the start of a flag's explanation, in a form that may stand in single
// quotes and in zsh's brackets.
func brief(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	usage = strings.ReplaceAll(usage, "\n", " ")
	for _, end := range []string{";", ":", ". "} {
		usage, _, _ = strings.Cut(usage, end)
	}
	return strings.ReplaceAll(usage, "'", `'\''`)
}

func takesValue(f *pflag.Flag) bool { return f.NoOptDefVal == "" }

func bashCompletion() string {
	var cases strings.Builder
	for _, v := range verbs() {
		var flags []string
		v.eachFlag(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) })
		if len(flags) > 0 {
			fmt.Fprintf(&cases, "\t\t%s) words='%s' ;;\n", v.name, strings.Join(flags, " "))
		}
	}
	return fmt.Sprintf(`_corelift() {
	local cur=${COMP_WORDS[COMP_CWORD]} words=''
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='%[1]s'
	else
		case ${COMP_WORDS[1]}:$cur in
		help:*) words='%[1]s' ;;
		completion:*) words='bash zsh fish' ;;
		*:-*) case ${COMP_WORDS[1]} in
%[2]s		esac ;;
		esac
	fi
	if [ -n "$words" ]; then
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _corelift corelift
`, verbNames(), cases.String())
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef corelift\n\n_corelift() {\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a verbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t\t\t'%s:%s'\n", v.name, v.short)
	}
	b.WriteString("\t\t)\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tshift words\n\t(( CURRENT-- ))\n\tcase $words[1] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s)\n\t\t_arguments -S", v.name)
		v.eachFlag(func(f *pflag.Flag) {
			value := ""
			if takesValue(f) {
				name, _ := pflag.UnquoteUsage(f)
				value = ":" + name + ":_files"
			}
			fmt.Fprintf(&b, " \\\n\t\t\t'--%s[%s]%s'", f.Name, brief(f), value)
		})
		switch v.name {
		case "help":
			fmt.Fprintf(&b, " \\\n\t\t\t'1:verb:(%s)'", verbNames())
		case "completion":
			b.WriteString(" \\\n\t\t\t'1:shell:(bash zsh fish)'")
		default:
			b.WriteString(" \\\n\t\t\t'*:input:_files'")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\tesac\n}\n\n_corelift \"$@\"\n")
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	for _, v := range verbs() {
		fmt.Fprintf(&b, "complete -c corelift -n __fish_use_subcommand -f -a %s -d '%s'\n", v.name, v.short)
	}
	fmt.Fprintf(&b, "complete -c corelift -n '__fish_seen_subcommand_from help' -f -a '%s'\n", verbNames())
	b.WriteString("complete -c corelift -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
	for _, v := range verbs() {
		v.eachFlag(func(f *pflag.Flag) {
			fmt.Fprintf(&b, "complete -c corelift -n '__fish_seen_subcommand_from %s' -l %s", v.name, f.Name)
			if f.Shorthand != "" {
				fmt.Fprintf(&b, " -s %s", f.Shorthand)
			}
			if takesValue(f) {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d '%s'\n", brief(f))
		})
	}
	return b.String()
}
