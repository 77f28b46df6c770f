package differential

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// convert turns a console log with one dump into a Core.
func convert(log []byte, name string, program *firmware.Set) (*elfcore.Core, error) {
	ctx := context.Background()
	dumps, err := corelift.Dumps(ctx, bytes.NewReader(log), name)
	if err != nil {
		return nil, err
	}
	if len(dumps) != 1 {
		return nil, fmt.Errorf("%d dumps, want 1", len(dumps))
	}
	return dumps[0].Core(ctx, corelift.Options{Program: program})
}

// inspected tells what the inspector shows of a crash.
func inspected(t *testing.T, core *elfcore.Core, program *firmware.Set, expressions []string) shown {
	t.Helper()
	s := inspect.New(core, program, inspect.Options{})
	out := shown{Expressions: map[string]string{}}
	var crashed *inspect.Frame // where expressions are evaluated
	for i := range core.Threads {
		stack, err := s.Stack(core.Threads[i].ID, inspect.StackOptions{Arguments: true, Locals: true})
		if err != nil {
			t.Fatal(err)
		}
		one := thread{ID: core.Threads[i].ID, End: stack.End.Text}
		if crashed == nil && core.Threads[i].ID == s.Crashed() && len(stack.Frames) > 0 {
			crashed = &stack.Frames[0]
		}
		for _, f := range stack.Frames {
			one.Frames = append(one.Frames, ourFrame(&f))
		}
		out.Threads = append(out.Threads, one)
	}
	for _, e := range expressions {
		v, err := s.Eval(crashed, e, 0)
		if err != nil {
			out.Expressions[e] = "<error: " + err.Error() + ">"
			continue
		}
		out.Expressions[e] = v.Text
	}
	return out
}

func ourFrame(f *inspect.Frame) frame {
	out := frame{PC: "0x" + strconv.FormatUint(uint64(f.PC), 16), Function: f.Function, File: f.File, Line: f.Line, Tail: f.Trust == "tail-call"}
	if f.Inlined {
		out.Kind = "inlined"
	}
	for _, v := range f.Arguments {
		out.Variables = append(out.Variables, ourVariable(v, true))
	}
	for _, v := range f.Locals {
		out.Variables = append(out.Variables, ourVariable(v, false))
	}
	return out
}

func ourVariable(v inspect.Variable, argument bool) variable {
	return variable{Name: v.Name, Type: v.Type, Text: v.Text, Argument: argument, Reason: v.Reason,
		Stale: v.Presence == inspect.Present && v.State == elfcore.Suspect}
}

// crash is one program and one console log of it.
type crash struct {
	elf, log string
	name     string // "cortex-m3/gcc-O2-5/values.crash"
}

// crashes lists the logs of a matrix, or of a part of it.
func crashes(t *testing.T, dir string) (list []crash) {
	t.Helper()
	for _, log := range glob(t, dir+"/*/*/*.log") {
		name, err := filepath.Rel(dir, strings.TrimSuffix(log, ".log"))
		if err != nil {
			t.Fatal(err)
		}
		program, _, _ := strings.Cut(filepath.Base(log), ".")
		list = append(list, crash{filepath.Join(filepath.Dir(log), program+".elf"), log, filepath.ToSlash(name)})
	}
	return list
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return paths
}
