//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"encoding/json"
	"fmt"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"corelift/inspect/text"
)

// method is a call of Delve's JSON-RPC interface, version 2. Scripts make it
// with rpc2's types, other processes with their JSON.
type method interface {
	call(c *client, args, reply any) error
	serve(c *client, params []byte) (any, error)
}

// answering is a method that takes an In and fills an Out.
type answering[In, Out any] func(c *client, in In, out *Out) error

func (do answering[In, Out]) call(c *client, args, reply any) error {
	in, taken := args.(*In)
	out, given := reply.(*Out)
	if !taken || !given {
		return fmt.Errorf("the method takes %T and %T, not %T and %T", in, out, args, reply)
	}
	return do(c, *in, out)
}

func (do answering[In, Out]) serve(c *client, params []byte) (any, error) {
	var in In
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, err
	}
	out := new(Out)
	return out, do(c, in, out)
}

// row makes an entry of methods.
func row[In, Out any](do func(c *client, in In, out *Out) error) method {
	return answering[In, Out](do)
}

// refused is a method that a crash has no answer to.
type refused struct{ error }

func (r refused) call(*client, any, any) error       { return r.error }
func (r refused) serve(*client, []byte) (any, error) { return nil, r.error }

// methods are all calls that Delve's clients make.
var methods = map[string]method{
	"SetApiVersion": row(func(_ *client, in api.SetAPIVersionIn, _ *api.SetAPIVersionOut) error {
		if in.APIVersion != apiVersion {
			return fmt.Errorf("this is version %d of the API, not %d", apiVersion, in.APIVersion)
		}
		return nil
	}),
	"GetVersion": row(func(c *client, _ api.GetVersionIn, out *api.GetVersionOut) error {
		*out = *c.GetVersion()
		return nil
	}),
	"ProcessPid": row(func(c *client, _ rpc2.ProcessPidIn, out *rpc2.ProcessPidOut) error {
		out.Pid = c.ProcessPid()
		return nil
	}),
	"BuildID": row(func(c *client, _ rpc2.BuildIDIn, out *rpc2.BuildIDOut) error {
		out.BuildID = c.BuildID()
		return nil
	}),
	"LastModified": row(func(c *client, _ rpc2.LastModifiedIn, out *rpc2.LastModifiedOut) error {
		out.Time = c.LastModified()
		return nil
	}),
	"Detach": row(func(c *client, in rpc2.DetachIn, _ *rpc2.DetachOut) error { return c.Detach(in.Kill) }),
	"State": row(func(c *client, _ rpc2.StateIn, out *rpc2.StateOut) (err error) {
		out.State, err = c.GetState()
		return err
	}),
	"Command": row(command),
	"ListBreakpoints": row(func(c *client, in rpc2.ListBreakpointsIn, out *rpc2.ListBreakpointsOut) (err error) {
		out.Breakpoints, err = c.ListBreakpoints(in.All)
		return err
	}),
	"ListCheckpoints": row(func(c *client, _ rpc2.ListCheckpointsIn, out *rpc2.ListCheckpointsOut) (err error) {
		out.Checkpoints, err = c.ListCheckpoints()
		return err
	}),
	"Stacktrace": row(func(c *client, in rpc2.StacktraceIn, out *rpc2.StacktraceOut) (err error) {
		if in.Cfg == nil && in.Full {
			in.Cfg = &everything
		}
		out.Locations, err = c.Stacktrace(in.Id, in.Depth, in.Skip, in.Opts, in.Cfg)
		return err
	}),
	"ListThreads": row(func(c *client, _ rpc2.ListThreadsIn, out *rpc2.ListThreadsOut) (err error) {
		out.Threads, err = c.ListThreads()
		return err
	}),
	"GetThread": row(func(c *client, in rpc2.GetThreadIn, out *rpc2.GetThreadOut) (err error) {
		out.Thread, err = c.GetThread(in.Id)
		return err
	}),
	"ListGoroutines": row(func(c *client, in rpc2.ListGoroutinesIn, out *rpc2.ListGoroutinesOut) (err error) {
		out.Goroutines, out.Groups, out.Nextg, out.TooManyGroups, err = c.ListGoroutinesWithFilter(in.Start, in.Count, in.Filters, &in.GoroutineGroupingOptions, in.EvalScope)
		return err
	}),
	"ListPackageVars": row(func(c *client, in rpc2.ListPackageVarsIn, out *rpc2.ListPackageVarsOut) (err error) {
		out.Variables, err = c.ListPackageVariables(in.Filter, in.Cfg)
		return err
	}),
	"ListLocalVars": row(func(c *client, in rpc2.ListLocalVarsIn, out *rpc2.ListLocalVarsOut) (err error) {
		out.Variables, err = c.ListLocalVariables(in.Scope, in.Cfg)
		return err
	}),
	"ListFunctionArgs": row(func(c *client, in rpc2.ListFunctionArgsIn, out *rpc2.ListFunctionArgsOut) (err error) {
		out.Args, err = c.ListFunctionArgs(in.Scope, in.Cfg)
		return err
	}),
	"Eval": row(func(c *client, in rpc2.EvalIn, out *rpc2.EvalOut) (err error) {
		if in.Cfg == nil {
			in.Cfg = &everything
		}
		out.Variable, err = c.EvalVariable(in.Scope, in.Expr, *in.Cfg)
		return err
	}),
	"TypeInfo": row(func(c *client, in rpc2.TypeInfoIn, out *rpc2.TypeInfoOut) (err error) {
		out.TypeInfo, err = c.TypeInfo(in.Name)
		return err
	}),
	"ListRegisters": row(func(c *client, in rpc2.ListRegistersIn, out *rpc2.ListRegistersOut) (err error) {
		if in.Scope == nil {
			in.Scope = &api.EvalScope{GoroutineID: int64(in.ThreadID)}
		}
		out.Regs, err = c.ListScopeRegisters(*in.Scope, in.IncludeFp)
		out.Registers = out.Regs.String()
		return err
	}),
	"ListSources": row(func(c *client, in rpc2.ListSourcesIn, out *rpc2.ListSourcesOut) (err error) {
		out.Sources, err = c.ListSources(in.Filter)
		return err
	}),
	"ListFunctions": row(func(c *client, in rpc2.ListFunctionsIn, out *rpc2.ListFunctionsOut) (err error) {
		out.Funcs, err = c.ListFunctions(in.Filter, in.FollowCalls)
		return err
	}),
	"ListTypes": row(func(c *client, in rpc2.ListTypesIn, out *rpc2.ListTypesOut) (err error) {
		out.Types, err = c.ListTypes(in.Filter)
		return err
	}),
	"ListPackagesBuildInfo": row(func(c *client, in rpc2.ListPackagesBuildInfoIn, out *rpc2.ListPackagesBuildInfoOut) (err error) {
		out.List, err = c.ListPackagesBuildInfo(in.Filter, in.IncludeFiles)
		return err
	}),
	"ListDynamicLibraries": row(func(c *client, _ rpc2.ListDynamicLibrariesIn, out *rpc2.ListDynamicLibrariesOut) (err error) {
		out.List, out.ExecutableTrimpath, err = c.ListDynamicLibraries()
		return err
	}),
	"ListTargets": row(func(c *client, _ rpc2.ListTargetsIn, out *rpc2.ListTargetsOut) (err error) {
		out.Targets, err = c.ListTargets()
		return err
	}),
	"FindLocation": row(func(c *client, in rpc2.FindLocationIn, out *rpc2.FindLocationOut) (err error) {
		out.Locations, out.SubstituteLocExpr, err = c.FindLocation(in.Scope, in.Loc, !in.IncludeNonExecutableLines, in.SubstitutePathRules)
		return err
	}),
	"Disassemble": row(func(c *client, in rpc2.DisassembleIn, out *rpc2.DisassembleOut) (err error) {
		if in.EndPC == 0 {
			out.Disassemble, err = c.DisassemblePC(in.Scope, in.StartPC, in.Flavour)
		} else {
			out.Disassemble, err = c.DisassembleRange(in.Scope, in.StartPC, in.EndPC, in.Flavour)
		}
		return err
	}),
	"ExamineMemory": row(func(c *client, in rpc2.ExamineMemoryIn, out *rpc2.ExaminedMemoryOut) (err error) {
		out.Mem, out.IsLittleEndian, err = c.ExamineMemory(in.Address, in.Length)
		return err
	}),
	"DebugInfoDirectories": row(func(c *client, in rpc2.DebugInfoDirectoriesIn, out *rpc2.DebugInfoDirectoriesOut) (err error) {
		if in.Set {
			return c.SetDebugInfoDirectories(in.List)
		}
		out.List, err = c.GetDebugInfoDirectories()
		return err
	}),

	// What is always no, or nothing.
	"AttachedToExistingProcess": row(func(*client, rpc2.AttachedToExistingProcessIn, *rpc2.AttachedToExistingProcessOut) error { return nil }),
	"IsMulticlient":             row(func(*client, rpc2.IsMulticlientIn, *rpc2.IsMulticlientOut) error { return nil }),
	"Recorded":                  row(func(*client, rpc2.RecordedIn, *rpc2.RecordedOut) error { return nil }),
	"FollowExecEnabled":         row(func(*client, rpc2.FollowExecEnabledIn, *rpc2.FollowExecEnabledOut) error { return nil }),
	"CancelDownloads":           row(func(*client, rpc2.CancelDownloadsIn, *rpc2.CancelDownloadsOut) error { return nil }),
	"DumpWait":                  row(func(*client, rpc2.DumpWaitIn, *rpc2.DumpWaitOut) error { return nil }),
	// A client that waits for events gets the one that ends its waiting.
	"GetEvents": row(func(_ *client, _ rpc2.GetEventsIn, out *rpc2.GetEventsOut) error {
		out.Events = []api.Event{{Kind: api.EventStopped}}
		return nil
	}),

	"AmendBreakpoint":          refused{breaking},
	"Ancestors":                refused{errAncestors},
	"CancelNext":               refused{nexting},
	"Checkpoint":               refused{checkpointing},
	"ClearBreakpoint":          refused{breaking},
	"ClearCheckpoint":          refused{checkpointing},
	"CreateBreakpoint":         refused{breaking},
	"CreateEBPFTracepoint":     refused{tracing},
	"CreateWatchpoint":         refused{watching},
	"DownloadLibraryDebugInfo": refused{errLibraries},
	"DumpCancel":               refused{dumping},
	"DumpStart":                refused{dumping},
	"FollowExec":               refused{following},
	"FunctionReturnLocations":  refused{tracing},
	"GetBreakpoint":            refused{breaking},
	"GetBufferedTracepoints":   refused{tracing},
	"GuessSubstitutePath":      refused{errGuess},
	"Restart":                  refused{restarting},
	"Set":                      refused{setting},
	"SetExecutionPoint":        refused{jumping},
	"StopRecording":            refused{recording},
	"ToggleBreakpoint":         refused{breaking},
}

// command switches tasks; all its other forms make a program run.
func command(c *client, in api.DebuggerCommand, out *rpc2.CommandOut) error {
	var s *api.DebuggerState
	var err error
	switch in.Name {
	case api.SwitchThread:
		s, err = c.SwitchThread(in.ThreadID)
	case api.SwitchGoroutine:
		s, err = c.SwitchGoroutine(in.GoroutineID)
	case api.Halt:
		s, err = c.Halt()
	default:
		err = refusal(text.Escape(in.Name))
	}
	if err == nil {
		out.State = *s
	}
	return err
}

// CallAPI makes a call for Delve's Starlark.
func (c *client) CallAPI(name string, args, reply any) error {
	m, ok := methods[name]
	if !ok {
		return fmt.Errorf("%s: no such method", name)
	}
	return m.call(c, args, reply)
}
