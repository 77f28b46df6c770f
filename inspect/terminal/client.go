//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/api"

	"corelift/inspect"
	"corelift/inspect/text"
)

// client is Delve's view of a crash: a target of one process whose tasks are
// both its threads and its goroutines, which can be asked but not run.
type client struct {
	crash *inspect.Session
	tasks func() []inspect.ThreadRow // asked for once

	mu       sync.Mutex // guards what follows: an interrupt asks while a command runs
	selected int32      // ID of a thread, 0 if the dump has none
	kept     map[place]inspect.Value
}

var _ service.Client = (*client)(nil)

// newClient makes a client with a thread selected, 0 for the crashed one.
func newClient(s *inspect.Session, thread int32) (*client, error) {
	c := &client{
		crash: s, selected: s.Crashed(), kept: map[place]inspect.Value{},
		tasks: sync.OnceValue(func() []inspect.ThreadRow { return s.Threads().Threads }),
	}
	if thread != 0 {
		return c, c.choose(int64(thread))
	}
	return c, nil
}

// apiVersion is that of Delve's JSON-RPC interface.
const apiVersion = 2

// process is the process ID that Delve is told: there is one target.
const process = 1

// GetVersion tells who answers.
func (c *client) GetVersion() *api.GetVersionOut {
	return &api.GetVersionOut{DelveVersion: "corelift, a crash dump", APIVersion: apiVersion, Backend: "corelift"}
}

func (c *client) ProcessPid() int { return process }

func (c *client) BuildID() string { return c.crash.Core().Program.BuildID }

// LastModified is the age of the firmware, which Delve compares with that of
// source files. If it is unknown, no file shall look newer.
func (c *client) LastModified() time.Time {
	if info, err := os.Stat(c.crash.Core().Program.File); err == nil {
		return info.ModTime()
	}
	return time.Now()
}

func (c *client) GetState() (*api.DebuggerState, error) {
	s := &api.DebuggerState{
		Pid: process, TargetCommandLine: text.Escape(c.crash.Core().Program.File),
		CurrentThread: &api.Thread{File: nowhere.File, Line: nowhere.Line},
	}
	current := c.current()
	for i := range c.tasks() {
		t := &c.tasks()[i]
		s.Threads = append(s.Threads, thread(t))
		if t.ID == current {
			s.CurrentThread, s.SelectedGoroutine = thread(t), goroutine(t)
		}
	}
	return s, nil
}

func (c *client) GetStateNonBlocking() (*api.DebuggerState, error) { return c.GetState() }

// Halt has nothing to do, and Delve calls it on every interrupt.
func (c *client) Halt() (*api.DebuggerState, error) { return c.GetState() }

func (c *client) SwitchThread(id int) (*api.DebuggerState, error) {
	return c.SwitchGoroutine(int64(id))
}

func (c *client) SwitchGoroutine(id int64) (*api.DebuggerState, error) {
	if err := c.choose(id); err != nil {
		return nil, err
	}
	return c.GetState()
}

// choose selects a thread by its ID.
func (c *client) choose(id int64) error {
	t, err := c.task(id)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.selected = t.ID
	c.mu.Unlock()
	return nil
}

// current is the ID of the selected thread.
func (c *client) current() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.selected
}

// task finds a thread by its ID; the selected one for Delve's -1, and for the 0
// of clients that leave the scope out.
func (c *client) task(id int64) (*inspect.ThreadRow, error) {
	if id <= 0 {
		id = int64(c.current())
	}
	tasks := c.tasks()
	for i := range tasks {
		if int64(tasks[i].ID) == id {
			return &tasks[i], nil
		}
	}
	if len(tasks) == 0 {
		return nil, fmt.Errorf("the dump has no tasks")
	}
	return nil, fmt.Errorf("no task %d; there are %d to %d", id, tasks[0].ID, tasks[len(tasks)-1].ID)
}

func (c *client) Detach(bool) error     { return nil }
func (c *client) Disconnect(bool) error { return nil }

func (c *client) AttachedToExistingProcess() bool           { return false }
func (c *client) IsMulticlient() bool                       { return false }
func (c *client) Recorded() bool                            { return false }
func (c *client) FollowExecEnabled() bool                   { return false }
func (c *client) SetReturnValuesLoadConfig(*api.LoadConfig) {}
func (c *client) SetEventsFn(func(*api.Event))              {}
func (c *client) CancelDownloads() error                    { return nil }

func (c *client) ListTargets() ([]api.Target, error) {
	s, err := c.GetState()
	return []api.Target{{Pid: s.Pid, CmdLine: s.TargetCommandLine, CurrentThread: s.CurrentThread}}, err
}
