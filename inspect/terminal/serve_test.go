//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"bytes"
	"context"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// connect makes a client of Delve's talk to a server of ours.
func connect(t *testing.T, c *client) (*rpc2.RPCClient, chan bool) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	done := make(chan bool, 1)
	go func() { done <- answer(c, ours) }()
	return rpc2.NewClientFromConn(theirs), done
}

// TestServe asks through Delve's own client.
func TestServe(t *testing.T) {
	d, done := connect(t, load(t, "cortex-m3", "div"))
	s, err := d.GetState()
	if err != nil || s.CurrentThread.ID != 1 || len(s.Threads) != 5 || s.SelectedGoroutine.Labels["name"] != "worker" {
		t.Fatalf("%+v, %v", s, err)
	}
	frames, err := d.Stacktrace(-1, 50, 0, 0, &everything)
	if err != nil || len(frames) != 6 || !frames[5].Bottom {
		t.Fatalf("%+v, %v", frames, err)
	}
	if f := frames[0]; f.Function.Name() != "blow_up" || f.Var("s") == nil || f.Var("p") == nil {
		t.Errorf("%+v", f)
	}
	v, err := d.EvalVariable(api.EvalScope{GoroutineID: -1}, "g_head->name", everything)
	if err != nil || v.Value != "inlet" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := d.EvalVariable(api.EvalScope{GoroutineID: -1}, "1 + nosuch", everything); err == nil || !strings.Contains(err.Error(), "column 5") {
		t.Error(err)
	}
	if s, err := d.SwitchGoroutine(2); err != nil || s.CurrentThread.ID != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := d.SwitchThread(9); err == nil || err.Error() != "no task 9; there are 1 to 5" {
		t.Error(err)
	}
	if mem, little, err := d.ExamineMemory(0x20000020, 5); err != nil || !little || string(mem) != "inlet" {
		t.Errorf("%q, %v", mem, err)
	}
	if _, _, err := d.ExamineMemory(0x20000020, 1<<20); err == nil {
		t.Error("a megabyte was read")
	}
	if d.ProcessPid() != process || d.Recorded() || d.IsMulticlient() || d.AttachedToExistingProcess() || d.FollowExecEnabled() {
		t.Error("of the process")
	}
	d.SetEventsFn(func(*api.Event) {}) // then Delve waits for events while it steps
	for name, err := range refusals(d) {
		if want := ": this is a crash, it does not run"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want ...%s", name, err, want)
		}
	}
	if err := d.Detach(true); err != nil {
		t.Error(err)
	}
	if !<-done {
		t.Error("the server did not see the client detach")
	}
}

// refusals are the errors of calls that need a process that runs.
func refusals(d interface {
	Next() (*api.DebuggerState, error)
	Step() (*api.DebuggerState, error)
	Call(int64, string, bool) (*api.DebuggerState, error)
	Restart(bool) ([]api.DiscardedBreakpoint, error)
	SetVariable(api.EvalScope, string, string) error
	SetExecutionPoint(uint64) (*api.DebuggerState, error)
	CreateBreakpoint(*api.Breakpoint) (*api.Breakpoint, error)
	Checkpoint(string) (int, error)
	CoreDumpStart(string) (api.DumpState, error)
	CallAPI(string, any, any) error
	Continue() <-chan *api.DebuggerState
}) map[string]error {
	errs := map[string]error{}
	_, errs["next"] = d.Next()
	_, errs["step"] = d.Step()
	_, errs["call"] = d.Call(1, "f()", false)
	_, errs["restart"] = d.Restart(false)
	errs["set"] = d.SetVariable(api.EvalScope{}, "x", "1")
	_, errs["jump"] = d.SetExecutionPoint(0)
	_, errs["break"] = d.CreateBreakpoint(&api.Breakpoint{FunctionName: "main"})
	_, errs["checkpoint"] = d.Checkpoint("")
	_, errs["dump"] = d.CoreDumpStart("core")
	errs["ebpf"] = d.CallAPI("CreateEBPFTracepoint", &rpc2.CreateEBPFTracepointIn{}, &rpc2.CreateEBPFTracepointOut{})
	for s := range d.Continue() {
		errs["continue"] = s.Err
	}
	return errs
}

// TestRefusals asks the client itself, as Delve's terminal does.
func TestRefusals(t *testing.T) {
	for name, err := range refusals(load(t, "cortex-m3", "div")) {
		if want := ": this is a crash, it does not run"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want ...%s", name, err, want)
		}
	}
}

// TestMethods compares the table with what Delve's server has.
func TestMethods(t *testing.T) {
	theirs := reflect.TypeFor[*rpc2.RPCServer]()
	for i := range theirs.NumMethod() {
		if name := theirs.Method(i).Name; methods[name] == nil {
			t.Errorf("no method %s", name)
		}
	}
	err := load(t, "cortex-m3", "div").CallAPI("State", &rpc2.EvalIn{}, &rpc2.StateOut{})
	if err == nil || !strings.Contains(err.Error(), "*rpc2.StateIn") {
		t.Error(err)
	}
}

// TestServeEnds lets each of two clients go its way.
func TestServeEnds(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- Serve(context.Background(), l, c.crash, 3) }()
	dial := func() *rpc2.RPCClient {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return rpc2.NewClientFromConn(conn)
	}
	first, second := dial(), dial()
	if _, err := first.SwitchGoroutine(2); err != nil {
		t.Error(err)
	}
	if s, err := second.GetState(); err != nil || s.CurrentThread.ID != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	second.Disconnect(false)
	if s, err := first.GetState(); err != nil || s.CurrentThread.ID != 2 {
		t.Errorf("after the other went: %+v, %v", s, err)
	}
	first.Detach(true)
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server goes on")
	}
	if err := Serve(context.Background(), l, c.crash, 99); err == nil {
		t.Error("task 99 was selected")
	}
}

// TestServeStops ends the server from outside, a client connected.
func TestServeStops(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, c.crash, 0) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop()
	if err := <-served; err != context.Canceled {
		t.Error(err)
	}
}

// exchange is what a client sends, and a place for the answers.
type exchange struct {
	io.Reader
	bytes.Buffer
}

func (e *exchange) Read(p []byte) (int, error) { return e.Reader.Read(p) }

// FuzzAnswer sends the server anything.
func FuzzAnswer(f *testing.F) {
	c := load(f, "rv64", "undef")
	for _, body := range []string{
		`"Eval","params":[{"Scope":{"GoroutineID":-1},"Expr":"g_sensors","Cfg":{"FollowPointers":true,"MaxVariableRecurse":9,"MaxStringLen":9,"MaxArrayValues":9,"MaxStructFields":-1}}]`,
		`"Eval","params":[{"Expr":"(*(*\"struct sensor\")(0x80000020)).name"}]`,
		`"Stacktrace","params":[{"Id":-1,"Depth":9,"Full":true}]`,
		`"Stacktrace","params":[{"Id":2,"Depth":-9,"Skip":-3}]`,
		`"Disassemble","params":[{"StartPC":2147483648,"EndPC":2147483700,"Flavour":2}]`,
		`"ListGoroutines","params":[{"Start":1,"Count":2,"Filters":[{"Kind":5,"Arg":"name=main"}],"GroupBy":5,"GroupByKey":"name","MaxGroupMembers":5,"MaxGroups":1}]`,
		`"FindLocation","params":[{"Loc":"*0x80000000"}]`, `"FindLocation","params":[{"Loc":"+1"}]`,
		`"ListRegisters","params":[{"ThreadID":2,"IncludeFp":true}]`,
		`"ListFunctions","params":[{"Filter":"probe|["}]`, `"TypeInfo","params":[{"Name":"struct sensor"}]`,
		`"ExamineMemory","params":[{"Address":2147483648,"Length":99}]`,
		`"ListPackageVars","params":[{"Filter":"^g_"}]`, `"Command","params":[{"name":"switchGoroutine","goroutineID":3}]`,
		`"Detach","params":[{}]`, `"State","params":[]`, `"State"`,
	} {
		f.Add([]byte(`{"method":"RPCServer.` + body[1:] + `,"id":1}`))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		answer(c, &exchange{Reader: bytes.NewReader(sent)})
	})
}
