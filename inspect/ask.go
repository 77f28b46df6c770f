package inspect

import (
	"errors"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/cexpr"
)

// Frame finds a frame of a thread; level counts as bt does, inlined frames too.
func (s *Session) Frame(thread int32, level int) (*Frame, error) {
	t, err := s.thread(thread)
	if err != nil {
		return nil, err
	}
	trace, above := s.walk(t), 0
	for i := 0; trace.at(i) != nil; i++ {
		frames := s.expand(trace, i)
		if n := level - above; n >= 0 && n < len(frames) {
			frames[n].Level = level
			return &frames[n], nil
		}
		above += len(frames)
	}
	return nil, fmt.Errorf("thread %d has no frame %d; there are 0 to %d", thread, level, above-1)
}

func (s *Session) frameRef(f *Frame) FrameRef {
	return FrameRef{Thread: s.reference(f.at.trace.thread), Level: f.Level, PC: f.PC, Function: f.Function}
}

// Registers are the registers as they were in a frame.
func (s *Session) Registers(f *Frame) *RegisterSet {
	out := &RegisterSet{s.document(RegistersSchema), s.frameRef(f), []FrameRegister{}}
	cpu := s.core.Arch
	regs := &f.at.frame().Regs
	for _, r := range registers(s.core, regs) {
		row := FrameRegister{Register: r}
		n := arch.Reg(slices.IndexFunc(cpu.Regs, func(i arch.RegInfo) bool { return i.Name == r.Name }))
		value, state := regs.Get(n)
		if state != elfcore.Missing && r.Group == groupNames[arch.General] && (n == cpu.PC || n == cpu.LR || value >= lowest) {
			row.Symbol = s.symbolOf(elfcore.Addr(value))
		}
		out.Registers = append(out.Registers, row)
	}
	return out
}

// lowest is the first address that a register is taken for one by itself: below
// lie vector tables and the start of programs, and numbers that count things.
const lowest = 1 << 12

// symbolOf names an address, which may be that of code with the Thumb bit; nil
// if it has no name.
func (s *Session) symbolOf(at elfcore.Addr) *Symbol {
	if code := at & elfcore.Addr(s.core.Arch.CodeMask); s.program != nil && s.program.Executable(code) {
		at = code
	}
	name, start, ok := s.symbolAt(at)
	if !ok {
		return nil
	}
	return &Symbol{name, uint64(at - start)}
}

// Locals are the arguments and variables of a frame.
func (s *Session) Locals(f *Frame) *Locals {
	return &Locals{s.document(LocalsSchema), s.frameRef(f), f.at.fn == nil, orEmpty(f.at.arguments()), orEmpty(f.at.locals())}
}

func orEmpty(list []Variable) []Variable {
	if list == nil {
		return []Variable{}
	}
	return list
}

// Print evaluates expressions, each by itself. f may be nil; see Eval.
func (s *Session) Print(f *Frame, format cexpr.Format, exprs ...string) *Printed {
	p := &Printed{Document: s.document(PrintSchema), Values: []Answer{}}
	for _, x := range exprs {
		v, err := s.Eval(f, x, format)
		a := Answer{Expression: x, Value: &v}
		if err != nil {
			a = Failed(x, err)
		}
		p.Values = append(p.Values, a)
	}
	return p
}

// Failed is the answer to an expression that an error came of.
func Failed(expr string, err error) Answer {
	if at := (*cexpr.Error)(nil); errors.As(err, &at) {
		return Answer{Expression: expr, Error: at.Text, Hint: at.Hint, Column: at.Column}
	}
	return Answer{Expression: expr, Error: err.Error()}
}

// Threads is the table of all threads, with the function that each is in.
func (s *Session) Threads() *Threads {
	out := &Threads{Document: s.document(ThreadsSchema), Threads: []ThreadRow{}}
	for i := range s.core.Threads {
		t := threadOf(s.core, s.program, i)
		row := ThreadRow{Thread: thread(s.core, s.program, i), Used: s.used(t), Peak: s.peak(t)}
		if st, err := s.Stack(t.ID, StackOptions{Limit: 1}); err == nil && len(st.Frames) > 0 {
			f := st.Frames[0]
			row.Function, row.File, row.Line = f.Function, f.File, f.Line
		}
		out.Threads = append(out.Threads, row)
	}
	return out
}

// used is what of its stack a thread is using. Stacks grow down on all CPUs of
// elfcore/arch.
func (s *Session) used(t *elfcore.Thread) *Usage {
	sp, state := t.Regs.SP()
	stack := t.Stack.Value
	if state == elfcore.Missing || t.Stack.State == elfcore.Missing || !stack.Contains(elfcore.Addr(sp)) && elfcore.Addr(sp) != stack.End() {
		return nil
	}
	return &Usage{Bytes: uint64(stack.End()) - sp, State: min(state, t.Stack.State)}
}

// fills are the bytes that kernels fill stacks with: Zephyr (CONFIG_INIT_STACKS)
// and FreeRTOS (tskSTACK_FILL_BYTE).
var fills = []byte{0xaa, 0xa5}

// minFill is how many bytes of the pattern are no chance, in a row from the end
// of the stack.
const minFill = 16

// maxStack bounds the stack that is searched, in bytes.
const maxStack = 1 << 20

// peak is the most of its stack that a thread has ever used: what lies above the
// fill pattern at its far end. A function that skips bytes of its frame can hide
// behind it, so that it is recovered at most.
func (s *Session) peak(t *elfcore.Thread) *Usage {
	stack := t.Stack.Value
	if t.Stack.State == elfcore.Missing || stack.Size == 0 || stack.Size > maxStack {
		return nil
	}
	untouched := uint64(0)
	var fill byte
	b := make([]byte, 1)
	for ; untouched < stack.Size; untouched++ {
		if _, err := s.core.Memory.Read(b, stack.Addr+elfcore.Addr(untouched)); err != nil {
			return nil // a part of the stack is not in the dump: it may have been used there
		}
		if untouched == 0 {
			fill = b[0]
		}
		if b[0] != fill {
			break
		}
	}
	for _, f := range fills {
		if fill == f && untouched >= minFill {
			return &Usage{stack.Size - untouched, elfcore.Recovered, fmt.Sprintf("%d bytes still hold the fill pattern 0x%02x", untouched, f)}
		}
	}
	return nil
}
