package recovery

import (
	"encoding/binary"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// programs are opened once for all runs of the fuzzer.
var programs = sync.OnceValue(func() (list []*firmware.Set) {
	paths, _ := filepath.Glob("../../testdata/firmware/*/fw.elf")
	own, _ := filepath.Glob("testdata/o0/*.elf")
	for _, path := range append(own, paths...) {
		if p, err := firmware.Open(path); err == nil {
			list = append(list, p)
		}
	}
	return list
})

// slowest is far more than any run takes.
const slowest = 5 * time.Second

// FuzzRules gives random registers and memory, with addresses made likely, to
// the rules. Whatever comes, they end soon; no value becomes Known that was not
// so before, none changes without a reason, and a Known one that is replaced is
// told in the evidence.
func FuzzRules(f *testing.F) {
	f.Add(uint8(0), uint8(arch.FaultStack), []byte{}, []byte{1, 2, 3, 4})
	f.Add(uint8(1), uint8(arch.FaultAbort), []byte{0x40, 0, 0, 0x41, 1, 0, 0xc3}, make([]byte, 64))
	for i := range programs() {
		// Every word of the stack points into code, and every register.
		f.Add(uint8(i), uint8(arch.FaultStack), []byte{0xe1, 0x23, 0x05, 0xe1, 0x10, 0x05}, []byte{0x61, 0x05, 0xa1, 0x13, 0xe1, 0x80})
		f.Add(uint8(i), uint8(arch.FaultUnknown), []byte{0x62, 0x23, 0x05, 0xa1, 0x10, 0x05, 0x23}, []byte{0x61, 0x05, 0xa1, 0x13, 0xe1, 0x80, 0x62, 0x10})
	}
	f.Fuzz(func(t *testing.T, which, fault uint8, registers, memory []byte) {
		list := programs()
		p := list[int(which)%len(list)]
		a := p.Arch()
		words := source{p: p, data: memory}
		ram := elfcore.Range{Addr: 0x20000000, Size: 1024}
		if w := p.Writable(); len(w) > 0 {
			ram.Addr = w[0].Addr
		}
		stack := make([]byte, ram.Size)
		for at := 0; at < len(stack) && len(memory) > 0; at += a.PtrSize() {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], words.next(ram))
			copy(stack[at:], word[:a.PtrSize()])
		}
		c := elfcore.New("test", a, binary.LittleEndian)
		c.Memory.Add(elfcore.NewRegion(ram.Addr, stack, 0, elfcore.State(fault>>6), 0))
		words.data = registers
		for i := range 2 {
			th := elfcore.Thread{Regs: words.registers(a, ram)}
			for range fault >> 4 & 3 {
				th.Alternatives = append(th.Alternatives, words.registers(a, ram))
			}
			if fault&8 != 0 {
				th.Stack = elfcore.Fact[elfcore.Range]{Value: ram, State: elfcore.State(i + 2)}
			}
			c.Threads = append(c.Threads, th)
		}
		c.Crash.Thread = 0
		c.Crash.Fault.Value = arch.Fault(fault & 15)
		var before [][]elfcore.Registers
		for i := range c.Threads {
			th := &c.Threads[i]
			readings := []elfcore.Registers{th.Regs.Clone()}
			for k := range th.Alternatives {
				readings = append(readings, th.Alternatives[k].Clone())
			}
			before = append(before, readings)
		}

		start := time.Now()
		Rules(c, p)
		hidden := CalledNull(c, p)
		HideInitial(c, p)
		if took := time.Since(start); took > slowest {
			t.Errorf("took %v", took)
		}
		if hidden && c.Program.HideInitial {
			if _, ok := c.Memory.At(0); ok && ram.Addr != 0 {
				t.Error("memory at 0 is there")
			}
		}
		for i := range c.Threads {
			honest(t, c, &c.Threads[i].Regs, before[i])
		}
	})
}

// honest checks registers against all the readings that there were of them.
func honest(t *testing.T, c *elfcore.Core, r *elfcore.Registers, readings []elfcore.Registers) {
	for i, info := range c.Arch.Regs {
		n := arch.Reg(i)
		v, s := r.Get(n)
		read, known := false, true
		for k := range readings {
			w, was := readings[k].Get(n)
			read = read || w == v && was == s
			known = known && was == elfcore.Known
		}
		switch e := c.Explain(r.Why(n)); {
		case read:
		case s == elfcore.Known:
			t.Errorf("%s has become known", info.Name)
		case e.Rule == "":
			t.Errorf("%s is 0x%x (%v), and nothing says why", info.Name, v, s)
		case known && e.Text == "":
			t.Errorf("%s was known, and %s does not tell what it was", info.Name, e.Rule)
		}
	}
}

// source makes values of bytes, over and over: addresses in code, behind calls
// or in RAM, and numbers.
type source struct {
	p    *firmware.Set
	data []byte
	at   int
}

func (s *source) byte() uint64 {
	if len(s.data) == 0 {
		return 0
	}
	s.at++
	return uint64(s.data[s.at%len(s.data)])
}

func (s *source) next(ram elfcore.Range) uint64 {
	kind := s.byte()
	n := s.byte()<<8 | s.byte()
	code := s.p.ReadOnly()
	switch {
	case kind&3 == 1 && len(code) > 0: // kind>>5 picks the section
		sec := code[int(kind>>5)%len(code)]
		return uint64(sec.Addr) + n*2%sec.Size | kind>>4&1
	case kind&3 == 2:
		return uint64(ram.Addr) + n*4%ram.Size
	case kind&3 == 3:
		return n - s.byte()
	}
	return 0
}

func (s *source) registers(a *arch.Arch, ram elfcore.Range) elfcore.Registers {
	r := elfcore.NewRegisters(a)
	for _, n := range append([]arch.Reg{a.PC, a.SP, a.LR, a.FP}, a.Saved...) {
		r.Set(n, s.next(ram), elfcore.State(s.byte()&3), 0)
	}
	return r
}
