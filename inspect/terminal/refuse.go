//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"errors"

	"github.com/go-delve/delve/service/api"
)

// refusal is the error of a command that needs a process that runs.
type refusal string

func (r refusal) Error() string { return string(r) + ": this is a crash, it does not run" }

// The commands that are refused, as Delve's terminal calls them.
const (
	breaking      refusal = "break"
	continuing    refusal = "continue"
	rewinding     refusal = "rewind"
	nexting       refusal = "next"
	stepping      refusal = "step"
	steppingOut   refusal = "stepout"
	steppingInstr refusal = "step-instruction"
	calling       refusal = "call"
	restarting    refusal = "restart"
	setting       refusal = "set"
	jumping       refusal = "set-next-statement"
	watching      refusal = "watch"
	checkpointing refusal = "checkpoint"
	recording     refusal = "stop recording"
	dumping       refusal = "dump"
	following     refusal = "target follow-exec"
	tracing       refusal = "trace"
)

// What only Go programs have, and what is said elsewhere.
var (
	errAncestors   = errors.New("ancestors: only Go's tasks know who made them")
	errDirectories = errors.New("debug-info-directories: name them with corelift's flag --debug-dir")
	errGuess       = errors.New("substitute-path -guess: it goes by Go's modules; give the rule, config substitute-path FROM TO")
	errLibraries   = errors.New("libraries -d: firmware is linked as a whole, it has none")
)

// stopped is what Delve's continue expects: one state that carries the error.
func stopped(r refusal) <-chan *api.DebuggerState {
	ch := make(chan *api.DebuggerState, 1)
	ch <- &api.DebuggerState{Err: r}
	close(ch)
	return ch
}

func (c *client) Continue() <-chan *api.DebuggerState { return stopped(continuing) }
func (c *client) Rewind() <-chan *api.DebuggerState   { return stopped(rewinding) }
func (c *client) DirectionCongruentContinue() <-chan *api.DebuggerState {
	return stopped(continuing)
}

func (c *client) Next() (*api.DebuggerState, error)           { return nil, nexting }
func (c *client) ReverseNext() (*api.DebuggerState, error)    { return nil, nexting }
func (c *client) Step() (*api.DebuggerState, error)           { return nil, stepping }
func (c *client) ReverseStep() (*api.DebuggerState, error)    { return nil, stepping }
func (c *client) StepOut() (*api.DebuggerState, error)        { return nil, steppingOut }
func (c *client) ReverseStepOut() (*api.DebuggerState, error) { return nil, steppingOut }
func (c *client) StepInstruction(bool) (*api.DebuggerState, error) {
	return nil, steppingInstr
}
func (c *client) ReverseStepInstruction(bool) (*api.DebuggerState, error) {
	return nil, steppingInstr
}
func (c *client) Call(int64, string, bool) (*api.DebuggerState, error) { return nil, calling }
func (c *client) CancelNext() error                                    { return nexting }

func (c *client) Restart(bool) ([]api.DiscardedBreakpoint, error) { return nil, restarting }
func (c *client) RestartFrom(bool, string, bool, []string, [3]string, bool) ([]api.DiscardedBreakpoint, error) {
	return nil, restarting
}

func (c *client) SetVariable(api.EvalScope, string, string) error { return setting }
func (c *client) SetExecutionPoint(uint64) (*api.DebuggerState, error) {
	return nil, jumping
}

func (c *client) GetBreakpoint(int) (*api.Breakpoint, error)          { return nil, breaking }
func (c *client) GetBreakpointByName(string) (*api.Breakpoint, error) { return nil, breaking }
func (c *client) CreateBreakpoint(*api.Breakpoint) (*api.Breakpoint, error) {
	return nil, breaking
}
func (c *client) CreateBreakpointWithExpr(*api.Breakpoint, string, [][2]string, bool) (*api.Breakpoint, error) {
	return nil, breaking
}
func (c *client) CreateWatchpoint(api.EvalScope, string, api.WatchType) (*api.Breakpoint, error) {
	return nil, watching
}
func (c *client) ListBreakpoints(bool) ([]*api.Breakpoint, error)       { return nil, nil }
func (c *client) ClearBreakpoint(int) (*api.Breakpoint, error)          { return nil, breaking }
func (c *client) ClearBreakpointByName(string) (*api.Breakpoint, error) { return nil, breaking }
func (c *client) ToggleBreakpoint(int) (*api.Breakpoint, error)         { return nil, breaking }
func (c *client) ToggleBreakpointByName(string) (*api.Breakpoint, error) {
	return nil, breaking
}
func (c *client) AmendBreakpoint(*api.Breakpoint) error { return breaking }

func (c *client) TraceDirectory() (string, error)             { return "", recording }
func (c *client) StopRecording() error                        { return recording }
func (c *client) Checkpoint(string) (int, error)              { return 0, checkpointing }
func (c *client) ListCheckpoints() ([]api.Checkpoint, error)  { return nil, nil }
func (c *client) ClearCheckpoint(int) error                   { return checkpointing }
func (c *client) CoreDumpStart(string) (api.DumpState, error) { return api.DumpState{}, dumping }
func (c *client) CoreDumpWait(int) api.DumpState              { return api.DumpState{} }
func (c *client) CoreDumpCancel() error                       { return dumping }
func (c *client) FollowExec(bool, string) error               { return following }
func (c *client) SetDebugInfoDirectories([]string) error      { return errDirectories }
func (c *client) GetDebugInfoDirectories() ([]string, error)  { return nil, nil }
func (c *client) GuessSubstitutePath() ([][2]string, error)   { return nil, errGuess }
func (c *client) DownloadLibraryDebugInfo(int) error          { return errLibraries }
func (c *client) Ancestors(int64, int, int) ([]api.Ancestor, error) {
	return nil, errAncestors
}
