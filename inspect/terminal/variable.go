//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-delve/delve/service/api"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// loader turns values into what Delve prints and scripts read, within the limits
// of one request.
type loader struct {
	*client
	frame  *inspect.Frame
	limits api.LoadConfig
	budget int // variables that may still be made
}

// maxVariables bounds the variables of one answer: a folded array of arrays
// unfolds to any size.
const maxVariables = 1 << 14

// everything is what a client gets that names no limits, Delve's own default.
var everything = api.LoadConfig{FollowPointers: true, MaxVariableRecurse: 1, MaxStringLen: 64, MaxArrayValues: 64, MaxStructFields: -1}

func (c *client) loader(f *inspect.Frame, limits *api.LoadConfig) *loader {
	if limits == nil {
		limits = &everything
	}
	return &loader{c, f, *limits, maxVariables}
}

// shape is how a kind of values looks to Delve. text is what it shows; ok false
// leaves the value to verbatim.
type shape struct {
	kind reflect.Kind
	text func(string) (text string, ok bool)
}

// shapes are those of scalars, by Value.Kind. What Delve's Starlark can't read as
// a number it takes for 0 without a word. So each text is tried here first.
var shapes = map[string]shape{
	"bool": {reflect.Bool, func(s string) (string, bool) { return s, s == "true" || s == "false" }},
	"int":  {reflect.Int, func(s string) (string, bool) { _, err := strconv.ParseInt(s, 10, 64); return s, err == nil }},
	"uint": {reflect.Uint, func(s string) (string, bool) { _, err := strconv.ParseUint(s, 10, 64); return s, err == nil }},
	// Of "'A' (65)" Delve takes what is in the last parentheses for the number.
	"char": {reflect.Int, func(s string) (string, bool) {
		number, char, _ := strings.Cut(s, " ")
		_, err := strconv.ParseInt(number, 10, 64)
		return char + " (" + number + ")", err == nil
	}},
	"float": {reflect.Float64, func(s string) (string, bool) {
		for _, special := range [][2]string{{"inf", "+Inf"}, {"-inf", "-Inf"}} {
			if s == special[0] {
				return special[1], true
			}
		}
		_, err := strconv.ParseFloat(s, 64)
		return s, err == nil
	}},
}

// aggregates are the kinds of what consists of parts.
var aggregates = map[string]reflect.Kind{
	"struct": reflect.Struct, "class": reflect.Struct, "union": reflect.Struct, "variant": reflect.Interface,
	"array": reflect.Array, "pointer": reflect.Ptr, "reference": reflect.Ptr, "function": reflect.Func,
}

// variable turns a value into Delve's form. depth counts the aggregates and
// pointers around it.
//
// A value that is absent or in doubt keeps its text, which no script can take for
// a number; so does everything that Go has no kind for.
func (l *loader) variable(name string, v inspect.Value, depth int) api.Variable {
	l.budget--
	typ := text.Escape(v.Type)
	out := api.Variable{Name: text.Escape(name), Type: typ, RealType: typ, Addr: l.keep(typ, v)}
	if out.Addr >= fakes && out.Addr < fakes+maxKept {
		out.Flags |= api.VariableFakeAddress
	}
	switch {
	case v.Presence != inspect.Present:
		verbatim(&out, v)
	case len(v.Children) > 0 && l.aggregate(&out, v, depth):
	case text.Doubt(&v) != "":
		verbatim(&out, v)
	case l.chars(&out, v):
	case v.Pointer != nil && !strings.Contains(v.Type, "(*"):
		l.pointer(&out, v, depth)
	default:
		if s, ok := shapes[v.Kind]; ok {
			if shown, ok := s.text(v.Text); ok {
				out.Kind, out.Value = s.kind, shown
				break
			}
		}
		verbatim(&out, v)
	}
	return out
}

// aggregate is a value with parts, each of which says itself how far it can be
// trusted; false for others.
func (l *loader) aggregate(out *api.Variable, v inspect.Value, depth int) bool {
	switch aggregates[v.Kind] {
	case reflect.Struct:
		l.structure(out, v, depth)
	case reflect.Array:
		l.array(out, v, depth)
	case reflect.Interface: // a Rust enum: its form, and what that holds
		c := v.Children[0]
		out.Kind, out.Children = reflect.Interface, []api.Variable{l.variable(c.Name, c.Value, depth)}
	default:
		return false
	}
	return true
}

// verbatim shows the value's text as it is: Delve prints the values of functions
// so, and a script gets a string.
func verbatim(out *api.Variable, v inspect.Value) {
	out.Kind, out.Value = reflect.Func, text.Escape(v.Text)
	if mark := text.Doubt(&v); mark != "" {
		out.Value += " " + text.Escape(mark)
	}
}

// padding is how the end of an array of characters shows that only holds NULs.
const padding = `", '\000' <repeats `

// chars is an array of characters, or a pointer to some, as a string, without the
// NULs at its end. One that is folded, cut or not fit for a terminal stays as C
// writes it.
func (l *loader) chars(out *api.Variable, v inspect.Value) bool {
	quoted := v.Text
	if v.Pointer != nil {
		_, quoted, _ = strings.Cut(v.Text, ` "`)
		quoted = `"` + quoted
		out.Base = uint64(*v.Pointer)
	}
	if head, tail, ok := strings.Cut(quoted, padding); ok && strings.Count(tail, "<") == 0 {
		quoted = head + `"`
	}
	s, err := strconv.Unquote(quoted)
	s = strings.TrimRight(s, "\x00")
	if err != nil || quoted[0] != '"' || text.Escape(s) != s {
		return false
	}
	out.Kind, out.Len = reflect.String, int64(len(s))
	out.Value = s[:min(len(s), max(l.limits.MaxStringLen, 0))]
	return true
}

// unloaded leaves out an aggregate that is nested too deep: Delve shows its type
// and address. One without an address keeps its text.
func (l *loader) unloaded(out *api.Variable, v inspect.Value, depth int) bool {
	if depth <= l.limits.MaxVariableRecurse && l.budget > 0 {
		return false
	}
	if v.Address == nil {
		verbatim(out, v)
	}
	return true
}

// structure is a structure, class or union. The members of an anonymous one
// within it are its own, as in C.
func (l *loader) structure(out *api.Variable, v inspect.Value, depth int) {
	members := flattened(nil, v.Children)
	out.Kind, out.Len = reflect.Struct, int64(len(members))
	if l.unloaded(out, v, depth) {
		return
	}
	n := len(members)
	if limit := l.limits.MaxStructFields; limit >= 0 {
		n = min(n, limit)
	}
	for _, m := range members[:n] {
		out.Children = append(out.Children, l.variable(m.Name, m.Value, depth+1))
	}
}

func flattened(list, members []inspect.Variable) []inspect.Variable {
	for _, m := range members {
		switch {
		case m.Name != "":
			list = append(list, m)
		case m.Presence == inspect.Present && len(m.Children) > 0:
			list = flattened(list, m.Children)
		default:
			m.Name = m.Type
			list = append(list, m)
		}
	}
	return list
}

func (l *loader) array(out *api.Variable, v inspect.Value, depth int) {
	out.Kind, out.Base = reflect.Array, out.Addr
	if v.Count != nil {
		out.Len = *v.Count
	}
	if l.unloaded(out, v, depth) {
		return
	}
	for _, e := range elements(v) {
		if len(out.Children) >= l.limits.MaxArrayValues || l.budget <= 0 {
			break
		}
		out.Children = append(out.Children, l.variable("", e, depth+1))
	}
}

// elements are those of an array, runs of equal ones unfolded.
func elements(v inspect.Value) iter.Seq2[int64, inspect.Value] {
	return func(yield func(int64, inspect.Value) bool) {
		for _, c := range v.Children {
			low, high, _ := strings.Cut(strings.Trim(c.Name, "[]"), ":")
			first, _ := strconv.ParseInt(low, 10, 64)
			end, err := strconv.ParseInt(high, 10, 64)
			if err != nil {
				end = first + 1
			}
			for i := first; i < end; i++ {
				if !yield(i, moved(c.Value, elfcore.Addr((i-first)*c.Size))) {
					return
				}
			}
		}
	}
}

// moved is an equal value further on in memory.
func moved(v inspect.Value, by elfcore.Addr) inspect.Value {
	if by == 0 {
		return v
	}
	if v.Address != nil {
		at := *v.Address + by
		v.Address = &at
	}
	v.Children = slices.Clone(v.Children)
	for i := range v.Children {
		v.Children[i].Value = moved(v.Children[i].Value, by)
	}
	return v
}

// pointer has what it points to as its child; an outermost pointer follows it
// if it may. NULL has none, and one to void is a number: "0x20000010 (536870928)".
//
// Pointers within are not followed, whatever the limits: C's structures are full
// of lists that lead everywhere.
func (l *loader) pointer(out *api.Variable, v inspect.Value, depth int) {
	out.Kind = reflect.Ptr
	at := uint64(*v.Pointer)
	target, spelled := pointee(v.Type)
	switch {
	case at == 0:
		return
	case target == "void":
		out.Kind, out.Value = reflect.Uint, fmt.Sprintf("0x%x (%d)", at, at)
		return
	case len(v.Children) == 1: // a reference
		out.Children = []api.Variable{l.variable("", v.Children[0].Value, depth)}
		return
	}
	if follow := depth == 0 && l.limits.FollowPointers; follow || !spelled {
		found, err := l.crash.Eval(l.frame, fmt.Sprintf("*(%s)0x%x", v.Type, at), 0)
		switch data := err == nil && found.Kind != "function"; {
		case data && follow && found.Presence == inspect.Present:
			out.Children = []api.Variable{l.variable("", found, depth)}
			return
		case data:
			target = found.Type
		case !spelled:
			verbatim(out, v)
			return
		}
	}
	out.Children = []api.Variable{{Type: text.Escape(target), Addr: at, OnlyAddr: true}}
}

// pointee is the type that a pointer of C points to: "struct node" for
// "struct node *const", "void" for "const void *". A typedef does not spell it
// out.
func pointee(typ string) (target string, spelled bool) {
	for trimmed := true; trimmed; {
		typ = strings.TrimSpace(typ)
		trimmed = false
		for _, qualifier := range []string{"const", "volatile", "restrict", "_Atomic"} {
			if rest, ok := strings.CutSuffix(typ, qualifier); ok {
				typ, trimmed = rest, true
			}
		}
	}
	target, spelled = strings.CutSuffix(typ, "*")
	target = strings.TrimSpace(target)
	if strings.HasSuffix(target, " void") {
		target = "void"
	}
	return target, spelled
}
