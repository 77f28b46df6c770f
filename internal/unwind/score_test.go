package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

func TestScore(t *testing.T) {
	a := arch.RV32
	for _, tc := range []struct {
		name   string
		change func(*fake, *stack)
		want   int
	}{
		{"direct calls up to the outermost frame", func(*fake, *stack) {}, 2*exactPoints + outerPoints},
		{"an indirect call", func(f *fake, _ *stack) { f.indirect(middle + 0x40) }, indirectPoints + exactPoints + outerPoints},
		{"a tail call", func(f *fake, _ *stack) { f.call(middle+0x40, outer+0x80) }, otherPoints + exactPoints + outerPoints},
		{"no call: built on sand", func(f *fake, _ *stack) { f.put(middle+0x40, 0, 0, 0, 0) }, wrongEndPoints},
		{"left by a callee of inner that has returned", func(f *fake, s *stack) { s.set(stackBase+0x20c, f.call(inner+0x80, outer)) }, wrongEndPoints},
		{"second return address follows no call", func(f *fake, _ *stack) { f.put(outer+0x60, 0, 0, 0, 0) }, exactPoints + wrongEndPoints},
		{"garbage after one frame", func(_ *fake, s *stack) { s.set(stackBase+0x224, 0x5555) }, exactPoints + wrongEndPoints},
		{"zeros at once prove nothing", func(_ *fake, s *stack) { s.set(stackBase+0x20c, 0) }, 0},
		{"zeros after a leaf prove no more", func(f *fake, s *stack) {
			f.rows[inner][0].row = f.bySP(0, "")
			s.set(stackBase+0x214, 0)
		}, exactPoints},
		{"zeros at once in an entry", func(f *fake, s *stack) { f.symbols["_start"] = inner }, outerPoints},
		{"stack cut off", func(_ *fake, s *stack) { s.data = s.data[:0x220] }, exactPoints},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, r, _ := chain(f, "")
			r.Set(a.LR, f.call(middle+0x40, inner), elfcore.Known, 0)
			tc.change(f, s)
			if got := Score(s.core(), f, Walk(s.core(), f, r, 0)); got != tc.want {
				t.Errorf("score %d, want %d", got, tc.want)
			}
		})
	}
	f := newFake(a)
	s, r, _ := chain(f, "")
	if got := Score(s.core(), f, []Frame{{PC: elfcore.Addr(inner), Regs: r}}); got != 0 {
		t.Errorf("a trace without an end scores %d", got)
	}
}
