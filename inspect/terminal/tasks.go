//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-delve/delve/service/api"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// nowhere is a place in the source that is not known, as Delve writes it.
var nowhere = api.Location{File: "?", Line: -1}

// placed is a place in the code; function and file are empty if unknown.
func placed(pc elfcore.Addr, function, file string, line int) api.Location {
	at := nowhere
	at.PC = uint64(pc)
	if file != "" {
		at.File, at.Line = text.Escape(file), line
	}
	if function != "" {
		at.Function = &api.Function{Name_: text.Escape(function)}
	}
	return at
}

// standing is where a task is.
func standing(t *inspect.ThreadRow) api.Location {
	if t.PC == nil {
		return nowhere
	}
	return placed(t.PC.Value, t.Function, t.File, t.Line)
}

func thread(t *inspect.ThreadRow) *api.Thread {
	at := standing(t)
	return &api.Thread{ID: int(t.ID), PC: at.PC, File: at.File, Line: at.Line, Function: at.Function, GoroutineID: int64(t.ID)}
}

// goroutine is a task as a goroutine; the labels hold what a goroutine has no
// field for.
func goroutine(t *inspect.ThreadRow) *api.Goroutine {
	g := &api.Goroutine{
		ID: int64(t.ID), ThreadID: int(t.ID), Labels: labels(t),
		CurrentLoc: standing(t), UserCurrentLoc: standing(t), GoStatementLoc: nowhere, StartLoc: nowhere,
	}
	if t.Entry != nil {
		name := ""
		if t.EntrySymbol != nil {
			name = t.EntrySymbol.String()
		}
		g.StartLoc = placed(t.Entry.Value, name, "", 0)
	}
	return g
}

// labels are what is known of a task; Delve prints at most five.
func labels(t *inspect.ThreadRow) map[string]string {
	l := map[string]string{}
	add(l, "name", t.Name)
	add(l, "state", t.Status)
	add(l, "priority", t.Priority)
	if t.Kind != elfcore.Task {
		l["kind"] = t.Kind.String()
	}
	if t.Peak != nil && t.Stack != nil {
		l["stack"] = fmt.Sprintf("at most %d of %d bytes used", t.Peak.Bytes, t.Stack.Value.Size)
	}
	return l
}

// add labels a fact, marked if it is suspect.
func add[T any](labels map[string]string, key string, f *inspect.Fact[T]) {
	if f == nil {
		return
	}
	labels[key] = text.Escape(fmt.Sprint(f.Value))
	if f.State == elfcore.Suspect {
		labels[key] += "?"
	}
}

func (c *client) ListThreads() ([]*api.Thread, error) {
	s, err := c.GetState()
	return s.Threads, err
}

func (c *client) GetThread(id int) (*api.Thread, error) {
	t, err := c.task(int64(id))
	if err != nil {
		return nil, err
	}
	return thread(t), nil
}

func (c *client) ListGoroutines(start, count int) ([]*api.Goroutine, int, error) {
	list, _, next, _, err := c.ListGoroutinesWithFilter(start, count, nil, nil, nil)
	return list, next, err
}

// ListGoroutinesWithFilter gives count tasks from number start on, 0 for all, and
// where to go on, -1 at the end.
func (c *client) ListGoroutinesWithFilter(start, count int, filters []api.ListGoroutinesFilter, group *api.GoroutineGroupingOptions, _ *api.EvalScope) ([]*api.Goroutine, []api.GoroutineGroup, int, bool, error) {
	tasks := c.tasks()
	if start < 0 || start > len(tasks) {
		return nil, nil, -1, false, fmt.Errorf("there are %d tasks, and none at %d", len(tasks), start)
	}
	end, next := len(tasks), -1
	if count > 0 && count < end-start {
		end = start + count
		next = end
	}
	list := []*api.Goroutine{}
	for i := range tasks[start:end] {
		g := goroutine(&tasks[start+i])
		if !slices.ContainsFunc(filters, func(f api.ListGoroutinesFilter) bool { return matches(g, f) == f.Negated }) {
			list = append(list, g)
		}
	}
	if group == nil || fields[group.GroupBy] == nil {
		return list, nil, next, false, nil
	}
	list, groups, more := grouped(list, group)
	return list, groups, next, more, nil
}

// fields are what goroutines are filtered and grouped by.
var fields = map[api.GoroutineField]func(g *api.Goroutine, key string) string{
	api.GoroutineCurrentLoc: func(g *api.Goroutine, _ string) string { return describe(g.CurrentLoc) },
	api.GoroutineUserLoc:    func(g *api.Goroutine, _ string) string { return describe(g.UserCurrentLoc) },
	api.GoroutineGoLoc:      func(g *api.Goroutine, _ string) string { return describe(g.GoStatementLoc) },
	api.GoroutineStartLoc:   func(g *api.Goroutine, _ string) string { return describe(g.StartLoc) },
	api.GoroutineLabel:      func(g *api.Goroutine, key string) string { return key + "=" + g.Labels[key] },
}

func describe(at api.Location) string {
	return fmt.Sprintf("%s:%d in %s", at.File, at.Line, at.Function.Name())
}

// matches tells whether a filter's condition holds, not negated. Conditions that
// only goroutines can meet hold for every task.
func matches(g *api.Goroutine, f api.ListGoroutinesFilter) bool {
	field := fields[f.Kind]
	if field == nil {
		return true
	}
	if f.Kind != api.GoroutineLabel {
		return strings.Contains(field(g, ""), f.Arg)
	}
	key, value, given := strings.Cut(f.Arg, "=")
	have, ok := g.Labels[key]
	return ok && (!given || have == value)
}

// grouped sorts goroutines into groups, of each no more than was asked for.
func grouped(list []*api.Goroutine, o *api.GoroutineGroupingOptions) (out []*api.Goroutine, groups []api.GoroutineGroup, more bool) {
	members := map[string][]*api.Goroutine{}
	for _, g := range list {
		key := fields[o.GroupBy](g, o.GroupByKey)
		members[key] = append(members[key], g)
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if o.MaxGroups > 0 && len(groups) == o.MaxGroups {
			return out, groups, true
		}
		shown := members[key][:min(len(members[key]), max(o.MaxGroupMembers, 0))]
		groups = append(groups, api.GoroutineGroup{Name: key, Offset: len(out), Count: len(shown), Total: len(members[key])})
		out = append(out, shown...)
	}
	return out, groups, false
}
