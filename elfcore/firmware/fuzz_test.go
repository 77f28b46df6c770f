package firmware

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"corelift/elfcore"
)

// FuzzSet damages a small program and asks everything of it. patch is a list
// of 3 bytes each: two of a place in the file, one to be put there; places
// from 0xf000 on count back from the end, where the section headers are.
func FuzzSet(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.elf")
	var programs [][]byte
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		programs = append(programs, b)
		f.Add(byte(i), []byte(nil))
		f.Add(byte(i), []byte{0x10, 0, 4})             // e_type
		f.Add(byte(i), []byte{0xff, 0xff, 0xff})       // section headers
		f.Add(byte(i), []byte{0x20, 0, 0, 0x28, 0, 0}) // e_shoff
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, which byte, patch []byte) {
		program := append([]byte(nil), programs[int(which)%len(programs)]...)
		for ; len(patch) >= 3; patch = patch[3:] {
			at := int(binary.LittleEndian.Uint16(patch))
			if at >= 0xf000 {
				at -= 0x10000 - len(program)
			}
			if at >= 0 && at < len(program) {
				program[at] = patch[2]
			}
		}
		path := filepath.Join(dir, "fuzz.elf")
		if err := os.WriteFile(path, program, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			return
		}
		defer s.Close()
		exercise(s)
	})
}

// exercise asks a set everything, as a dump would.
func exercise(s *Set) {
	a := s.Arch()
	c := elfcore.New("fuzz", a, binary.LittleEndian)
	for _, name := range []string{"leaf", "branches", "recursive", "_start", "initial"} {
		f, ok := s.Symbol(name)
		if !ok {
			continue
		}
		s.SymbolAt(f.Addr + 1)
		s.Function(f.Addr)
		s.Executable(f.Addr)
		for pc := f.Addr; pc < f.Addr+elfcore.Addr(min(f.Size, 64)); pc++ {
			s.Row(pc)
		}
		r := elfcore.NewRegisters(a)
		r.Set(a.PC, uint64(f.Addr)+8, elfcore.Known, 0)
		r.Set(a.SP, 0x20000000, elfcore.Known, 0)
		r.Set(a.FP, 0x20000040, elfcore.Known, 0)
		r.Set(a.LR, uint64(f.End()), elfcore.Known, 0)
		c.Threads = append(c.Threads, elfcore.Thread{Regs: r, Entry: elfcore.Fact[elfcore.Addr]{Value: f.Addr, State: elfcore.Known}})
	}
	c.Crash.Thread = 0
	stack := make([]byte, 512)
	if leaf, ok := s.Symbol("leaf"); ok {
		for i := 0; i+8 <= len(stack); i += a.PtrSize() {
			binary.LittleEndian.PutUint64(stack[i:], uint64(leaf.Addr))
		}
	}
	c.Memory.Add(elfcore.NewRegion(0x20000000, stack, elfcore.PermR, elfcore.Known, 0))
	for _, r := range s.ReadOnly() {
		s.ReadConst(make([]byte, min(r.Size+1, 256)), r.Addr)
		data := make([]byte, min(r.Size, 256))
		r.Data.ReadAt(data, 0)
		c.Memory.Add(elfcore.NewRegion(r.Addr, data, elfcore.PermR, elfcore.Known, 0))
	}
	s.Writable()
	for _, path := range []string{"", "prio", "saved[].regs[]", "tail.next", "nothing"} {
		s.Field("queue", path)
		s.Field("queue_t", path)
	}
	s.Field("holder", "queues[]")
	c.Program.SHA256Prefix = "0123456789"
	s.Match(c)
}

// FuzzFrames gives call frame information of any bytes.
func FuzzFrames(f *testing.F) {
	var b frameBuilder
	b.entry(none, version4, spIs0)
	b.entry(u32(0), u32(0x8000), u32(64), []byte{0x0a, 0x41, 0x0e, 8, 0x84, 2, 0x41, 0xc4, 0x0b, 0x14, 5, 2, 0x01, 4, 0x80, 0, 0})
	f.Add(b.Bytes(), false)
	f.Add([]byte("\x10\x00\x00\x00\x00\x00\x00\x00\x01zR\x00\x02\x7c\x0e\x01\x1b\x0c\x0d\x00\x10\x00\x00\x00\x18\x00\x00\x00\xe4\x7f\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00"), true)
	f.Fuzz(func(t *testing.T, section []byte, eh bool) {
		table := tableOf(section, symbolsOf(), eh)
		for _, d := range table.list {
			table.row(d.Addr)
			table.row(d.Addr + elfcore.Addr(d.Size-1))
		}
	})
}

func FuzzARMAttributes(f *testing.F) {
	f.Add([]byte("A\x33\x00\x00\x00aeabi\x00\x01\x29\x00\x00\x00\x05Cortex-M3\x00\x06\x0a\x07M\x0a\x03\x20\x01gnu\x00\x43\x32.0\x00"))
	f.Fuzz(func(t *testing.T, b []byte) { parseARMAttributes(b) })
}
