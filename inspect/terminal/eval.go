//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// frame is the one that a scope names; nil for the innermost of a task without
// any, in which only global names have a value.
func (c *client) frame(scope api.EvalScope) (*inspect.Frame, error) {
	if scope.DeferredCall != 0 {
		return nil, fmt.Errorf("deferred: only Go has deferred calls")
	}
	if len(c.tasks()) == 0 {
		return nil, nil
	}
	t, err := c.task(scope.GoroutineID)
	if err != nil {
		return nil, err
	}
	f, err := c.crash.Frame(t.ID, scope.Frame)
	if err != nil && scope.Frame == 0 {
		return nil, nil
	}
	return f, err
}

func (c *client) EvalVariable(scope api.EvalScope, expr string, limits api.LoadConfig) (*api.Variable, error) {
	f, err := c.frame(scope)
	if err != nil {
		return nil, err
	}
	p, rest, script := parsePlace(expr)
	var v inspect.Value
	if script {
		v, err = c.revisit(f, p, rest)
	} else {
		v, err = c.crash.Eval(f, expr, 0)
	}
	if err != nil {
		return nil, err
	}
	out := c.loader(f, &limits).variable(expr, v, 0)
	if script && out.Kind == reflect.Func { // which scripts can't read
		out.Kind, out.Len = reflect.String, int64(len(out.Value))
	}
	return &out, nil
}

// revisit gives what lies at a place that Delve's Starlark was shown.
func (c *client) revisit(f *inspect.Frame, p place, rest string) (inspect.Value, error) {
	if v, ok := c.recall(p, rest); ok {
		return v, nil
	}
	if p.addr >= fakes && p.addr < fakes+maxKept {
		return inspect.Value{}, fmt.Errorf("the value is no longer kept, and has no address; evaluate its expression again")
	}
	return c.crash.Eval(f, fmt.Sprintf("({%s}0x%x)%s", p.typ, p.addr, rest), 0)
}

// place is how Delve's Starlark names what it was shown: by type and address,
// as (*(*"struct node")(0x20000010)).
type place struct {
	typ  string
	addr uint64
}

// parsePlace reads a place, and what follows it: ".member", "[3]".
func parsePlace(expr string) (p place, rest string, ok bool) {
	rest, ok = strings.CutPrefix(expr, "(*(*")
	quoted, err := strconv.QuotedPrefix(rest)
	if !ok || err != nil {
		return place{}, "", false
	}
	p.typ, _ = strconv.Unquote(quoted)
	rest, ok = strings.CutPrefix(rest[len(quoted):], ")(")
	number, rest, closed := strings.Cut(rest, "))")
	p.addr, err = strconv.ParseUint(number, 0, 64)
	return p, rest, ok && closed && err == nil
}

// Values without an address, in registers or in pieces, are given one that no
// CPU of elfcore/arch can have: it has 64 bits, and is not canonical.
const (
	fakes   = 1 << 63
	maxKept = 1 << 15 // places; then the oldest are forgotten, all at once
)

// keep remembers a value by its place and returns the place's address. Scripts
// ask again for every member that they read; so they see what they were shown,
// also where it has no address or a type that can't be typed.
func (c *client) keep(typ string, v inspect.Value) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxKept {
		clear(c.kept)
	}
	p := place{typ: typ, addr: fakes + uint64(len(c.kept))}
	if v.Address != nil && *v.Address != 0 {
		p.addr = uint64(*v.Address)
		if strings.Contains(v.Text, "...") {
			return p.addr // it was cut: there is more to see at its address
		}
	}
	c.kept[p] = v
	return p.addr
}

// recall finds a value that was kept, or an element of it.
func (c *client) recall(p place, rest string) (inspect.Value, bool) {
	c.mu.Lock()
	v, ok := c.kept[p]
	c.mu.Unlock()
	if !ok || rest == "" {
		return v, ok
	}
	inner, bracketed := strings.CutPrefix(rest, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if want, err := strconv.ParseInt(inner, 10, 64); bracketed && closed && err == nil {
		for i, e := range elements(v) {
			if i == want {
				return e, true
			}
		}
	}
	return inspect.Value{}, false
}

func (c *client) ListLocalVariables(scope api.EvalScope, limits api.LoadConfig) ([]api.Variable, error) {
	return c.variables(scope, limits, func(l *inspect.Locals) []inspect.Variable { return l.Locals }, 0)
}

func (c *client) ListFunctionArgs(scope api.EvalScope, limits api.LoadConfig) ([]api.Variable, error) {
	return c.variables(scope, limits, func(l *inspect.Locals) []inspect.Variable { return l.Arguments }, api.VariableArgument)
}

func (c *client) variables(scope api.EvalScope, limits api.LoadConfig, which func(*inspect.Locals) []inspect.Variable, flag api.VariableFlags) ([]api.Variable, error) {
	f, err := c.frame(scope)
	if f == nil {
		return nil, err
	}
	return c.loader(f, &limits).list(which(c.crash.Locals(f)), flag), nil
}

// list turns variables into Delve's, those of inner blocks first: an outer one
// of the same name is shadowed.
func (l *loader) list(vars []inspect.Variable, flag api.VariableFlags) (out []api.Variable) {
	seen := map[string]bool{}
	for _, v := range vars {
		o := l.variable(v.Name, v.Value, 0)
		o.Flags |= flag
		if seen[v.Name] {
			o.Flags |= api.VariableShadowed
		}
		seen[v.Name] = true
		out = append(out, o)
	}
	return out
}

// maxGlobals bounds the variables that one command shows.
const maxGlobals = 4096

func (c *client) ListPackageVariables(filter string, limits api.LoadConfig) (out []api.Variable, err error) {
	names, err := matching(c.crash.Globals(), filter)
	if err != nil {
		return nil, err
	}
	if len(names) > maxGlobals {
		return nil, fmt.Errorf("%d variables match; give a regular expression that at most %d do", len(names), maxGlobals)
	}
	for _, name := range names {
		l := c.loader(nil, &limits)
		if v, err := c.crash.Eval(nil, name, 0); err == nil {
			out = append(out, l.variable(name, v, 0))
		}
	}
	return out, nil
}

// matching are the names that a regular expression finds something in.
func matching(names []string, filter string) (found []string, err error) {
	pattern, err := regexp.Compile(filter)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if pattern.MatchString(name) {
			found = append(found, text.Escape(name))
		}
	}
	return found, nil
}

func (c *client) ListFunctions(filter string, _ int) ([]string, error) {
	return matching(c.crash.Functions(), filter)
}

func (c *client) ListTypes(filter string) ([]string, error) {
	return matching(c.crash.Types(), filter)
}

func (c *client) ListSources(filter string) ([]string, error) {
	return matching(c.crash.Files(), filter)
}

// TypeInfo describes a type by an object of it, at an address that nothing is
// read from.
func (c *client) TypeInfo(name string) (*api.TypeInfo, error) {
	v, err := c.crash.Eval(nil, "{"+name+"}0", 0)
	if err != nil {
		return nil, err
	}
	info := &api.TypeInfo{Kind: cmp.Or(shapes[v.Kind].kind, aggregates[v.Kind]), Size: v.Size}
	if typ := text.Escape(v.Type); typ != name {
		info.RealType = typ
	}
	for _, m := range v.Children {
		info.Fields = append(info.Fields, api.TypeInfoField{Name: text.Escape(m.Name), Type: text.Escape(m.Type)})
	}
	return info, nil
}

// ExamineMemory reads memory of the dump, and what of the firmware can't change.
func (c *client) ExamineMemory(address uint64, length int) ([]byte, bool, error) {
	if length < 0 || length > rpc2.ExamineMemoryLengthLimit {
		return nil, false, fmt.Errorf("a length of %d; it must be 0 to %d", length, rpc2.ExamineMemoryLengthLimit)
	}
	b := make([]byte, length)
	if _, err := c.crash.Read(b, elfcore.Addr(address)); err != nil {
		return nil, false, err
	}
	return b, c.crash.Core().Order == binary.ByteOrder(binary.LittleEndian), nil
}
