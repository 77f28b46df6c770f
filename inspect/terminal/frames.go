//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/go-delve/delve/service/api"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// Stacktrace gives the frames from number skip to depth. A trace that ends for
// want of something has one line more, which says so.
func (c *client) Stacktrace(id int64, depth, skip int, _ api.StacktraceOptions, limits *api.LoadConfig) ([]api.Stackframe, error) {
	t, err := c.task(id)
	if err != nil {
		return nil, err
	}
	full := limits != nil
	st, err := c.crash.Stack(t.ID, inspect.StackOptions{Arguments: full, Locals: full, Limit: max(depth, 0) + 1})
	if err != nil {
		return nil, err
	}
	ended := st.End.Kind != "limit"
	var out []api.Stackframe
	for i := range st.Frames {
		f := &st.Frames[i]
		if f.Level < skip {
			continue
		}
		sf := api.Stackframe{Location: where(f), Bottom: ended && i == len(st.Frames)-1}
		if f.CFA != nil {
			sf.FrameOffset = int64(*f.CFA)
		}
		if full {
			l := c.loader(f, limits)
			sf.Arguments, sf.Locals = l.list(f.Arguments, api.VariableArgument), l.list(f.Locals, 0)
		}
		out = append(out, sf)
	}
	if skip == 0 && ended && st.End.Kind != "outermost" {
		out = append(out, api.Stackframe{Location: nowhere, Err: text.Escape(st.End.Text), Bottom: true})
	}
	return out, nil
}

// where is a frame's place. Delve has no field for how it was found and what may
// be missing before it: both go with the function.
func where(f *inspect.Frame) api.Location {
	at := placed(f.PC, f.Function, f.File, f.Line)
	if f.Offset != nil && *f.Offset > 0 && at.Function != nil {
		at.Function.Name_ += fmt.Sprintf("+0x%x", *f.Offset)
	}
	remarks := text.Mark(f)
	if f.Gap != "" && f.Level > 0 {
		remarks = strings.TrimSpace(remarks + " (" + text.Escape(f.Gap) + ")")
	}
	if remarks != "" {
		at.Function = &api.Function{Name_: at.Function.Name() + " " + remarks}
	}
	return at
}

func (c *client) ListThreadRegisters(id int, floats bool) (api.Registers, error) {
	return c.ListScopeRegisters(api.EvalScope{GoroutineID: int64(id)}, floats)
}

// ListScopeRegisters lists the registers as they were in a frame.
func (c *client) ListScopeRegisters(scope api.EvalScope, floats bool) (api.Registers, error) {
	f, err := c.frame(scope)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, fmt.Errorf("the task has no registers in the dump")
	}
	var out api.Registers
	for _, r := range c.crash.Registers(f).Registers {
		if !floats && (r.Group == "float" || r.Group == "vector") {
			continue
		}
		value := r.Value
		switch {
		case r.State == elfcore.Missing:
			value = "<not in dump>"
		case r.State == elfcore.Suspect:
			value += " (may be stale)"
		}
		out = append(out, api.Register{Name: r.Name, Value: value})
	}
	return out, nil
}

// FindLocation finds what Delve's list and disassemble name: a function, FILE:LINE,
// *ADDRESS, and LINE, +N or -N in the file where the frame is.
func (c *client) FindLocation(scope api.EvalScope, loc string, _ bool, _ [][2]string) ([]api.Location, string, error) {
	f, err := c.frame(scope)
	if err != nil {
		return nil, "", err
	}
	if n, err := strconv.Atoi(loc); err == nil {
		if f == nil {
			return nil, "", fmt.Errorf("%s: the task has no frames", loc)
		}
		at := where(f)
		if loc[0] != '+' && loc[0] != '-' {
			at.Line = 0
		}
		if n != 0 {
			at.PC = 0 // that of another line
		}
		at.Line += n
		return []api.Location{at}, "", nil
	}
	query := strings.TrimPrefix(loc, "*")
	l, err := c.crash.List(f, inspect.ListOptions{Where: query})
	if err != nil {
		return nil, "", err
	}
	at := elfcore.Addr(0)
	if s, err := c.crash.Symbol(query); err == nil && len(s.Symbols) > 0 {
		at = s.Symbols[0].Address
	}
	return []api.Location{placed(at, l.Function, l.File, l.Line)}, "", nil
}

// ListPackagesBuildInfo makes a package of each directory with source files:
// what comes nearest to one.
func (c *client) ListPackagesBuildInfo(filter string, files bool) (out []api.PackageBuildInfo, err error) {
	sources, err := c.ListSources("")
	if err != nil {
		return nil, err
	}
	var dirs []string
	in := map[string][]string{}
	for _, file := range sources {
		dir := path.Dir(file)
		if in[dir] == nil {
			dirs = append(dirs, dir)
		}
		in[dir] = append(in[dir], file)
	}
	if dirs, err = matching(dirs, filter); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		p := api.PackageBuildInfo{ImportPath: dir, DirectoryPath: dir}
		if files {
			p.Files = in[dir]
		}
		out = append(out, p)
	}
	return out, nil
}

// ListDynamicLibraries has nothing to list: firmware is linked as a whole.
func (c *client) ListDynamicLibraries() ([]api.Image, bool, error) { return nil, false, nil }
