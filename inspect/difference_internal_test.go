package inspect

import (
	"fmt"
	"slices"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// TestPairs matches threads of two dumps.
func TestPairs(t *testing.T) {
	type thread struct {
		kind    elfcore.ThreadKind
		control elfcore.Addr
		lwp     int
		name    string
	}
	core := func(crashed int, list []thread) *elfcore.Core {
		c := elfcore.New("test", arch.RV32, nil)
		c.Crash.Thread = crashed
		for i, d := range list {
			th := elfcore.Thread{ID: int32(i + 1), Kind: d.kind}
			if d.control != 0 {
				th.Control = elfcore.Fact[elfcore.Addr]{Value: d.control, State: elfcore.Known}
			}
			if d.lwp != 0 {
				th.LWP = elfcore.Fact[int]{Value: d.lwp, State: elfcore.Known}
			}
			if d.name != "" {
				th.Name = elfcore.Fact[string]{Value: d.name, State: elfcore.Known}
			}
			c.Threads = append(c.Threads, th)
		}
		return c
	}
	for _, c := range []struct {
		name string
		a, b []thread
		want []string
	}{
		{"control before name", []thread{{control: 16, name: "x"}, {control: 32, name: "y"}}, []thread{{control: 32, name: "x"}, {control: 16, name: "y"}}, []string{"1-2 control", "2-1 control"}},
		{"allocated elsewhere", []thread{{control: 16, name: "x"}}, []thread{{control: 32, name: "x"}}, []string{"1-1 name"}},
		{"one process", []thread{{lwp: 7, name: "p"}, {lwp: 8, name: "p"}}, []thread{{lwp: 8, name: "p"}, {lwp: 9, name: "p"}}, []string{"1-2 name", "2-1 lwp"}},
		{"two processes", []thread{{lwp: 7, name: "p"}, {lwp: 8, name: "p"}}, []thread{{lwp: 3, name: "p"}, {lwp: 4, name: "p"}}, []string{"1-1 name", "2-2 name"}},
		{"nothing is known", []thread{{}, {}}, []thread{{}}, []string{"1-1 id", "2-"}},
		{"two kinds", []thread{{}, {kind: elfcore.Interrupt}}, []thread{{kind: elfcore.Interrupt}, {}}, []string{"1-", "2-", "-1", "-2"}},
		{"others", []thread{{control: 16}, {control: 32}}, []thread{{control: 64}, {control: 48}}, []string{"1-", "2-", "-1", "-2"}},
		{"a name for once", []thread{{name: "x"}}, []thread{{}}, []string{"1-1 id"}},
	} {
		id := func(t *elfcore.Thread) string {
			if t == nil {
				return ""
			}
			return fmt.Sprint(t.ID)
		}
		var got []string
		for _, p := range pairs(core(-1, c.a), core(-1, c.b)) {
			text := id(p.a) + "-" + id(p.b)
			if p.match != "" {
				text += " " + p.match
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	crashed := pairs(core(1, []thread{{name: "x"}, {name: "y"}}), core(0, []thread{{name: "z"}}))
	if len(crashed) != 2 || crashed[1].b == nil || crashed[1].match != "crash" {
		t.Errorf("%+v", crashed)
	}
}

// TestSpansAtTheEnd cuts memory that ends with the address space.
func TestSpansAtTheEnd(t *testing.T) {
	var a, b elfcore.Memory
	a.Add(elfcore.NewRegion(^elfcore.Addr(0)-7, make([]byte, 8), 0, elfcore.Known, 0))
	b.Add(elfcore.NewRegion(^elfcore.Addr(0)-3, make([]byte, 4), 0, elfcore.Known, 0))
	b.Add(elfcore.NewRegion(0, make([]byte, 2), 0, elfcore.Known, 0))
	var got []string
	err := eachSpan(&a, &b, func(s span) error {
		got = append(got, fmt.Sprint(s.Addr, s.Size, s.a != nil, s.b != nil))
		return nil
	})
	want := []string{"0x00000000 2 false true", "0xfffffffffffffff8 4 true false", "0xfffffffffffffffc 4 true true"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestUnlike finds runs in blocks, at words and beside them.
func TestUnlike(t *testing.T) {
	x := make([]byte, 40)
	y := make([]byte, 40)
	for _, i := range []int{0, 7, 8, 9, 20, 39} {
		y[i] = 1
	}
	var got []int
	for off, n := range unlike(x, y) {
		got = append(got, off, n)
	}
	if want := []int{0, 1, 7, 3, 20, 1, 39, 1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
