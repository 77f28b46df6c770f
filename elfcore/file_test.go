package elfcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

func TestOpenErrors(t *testing.T) {
	core := written(t, madeUp(arch.CortexM))
	for _, x := range []struct {
		name, want string
		change     func([]byte) []byte
	}{
		{"empty", "offset 0x0: not an ELF file", func([]byte) []byte { return nil }},
		{"text", "not an ELF file", func([]byte) []byte { return []byte("no ELF file, but some text") }},
		{"class", "offset 0x4: unknown class 3", func(b []byte) []byte { b[4] = 3; return b }},
		{"byte order", "offset 0x5: unknown byte order 0", func(b []byte) []byte { b[5] = 0; return b }},
		{"cut header", "offset 0x33: ELF header cut off", func(b []byte) []byte { return b[:51] }},
		{"executable", "offset 0x10: this ELF file is no core file, but ET_EXEC", func(b []byte) []byte { b[16] = 2; return b }},
		{"header size", "program headers of 33 bytes, want 32", func(b []byte) []byte { b[42] = 33; return b }},
		{"too many headers", "program headers run over the end", func(b []byte) []byte { b[45] = 0x7f; return b }},
		{"headers far away", "program headers run over the end", func(b []byte) []byte { b[31] = 0xff; return b }},
		{"cut headers", "program headers run over the end", func(b []byte) []byte { return b[:60] }},
		{"far section", "the file ends at", func(b []byte) []byte { b[32], b[35], b[44], b[45] = 1, 0xff, 0xff, 0xff; return b }},
	} {
		b := x.change(slices.Clone(core))
		_, err := Open(bytes.NewReader(b), int64(len(b)))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: want %q, got %v", x.name, x.want, err)
		}
		var f *notes.FormatError
		if !errors.As(err, &f) {
			t.Errorf("%s: %T", x.name, err)
		}
	}
}

func TestForeignCore(t *testing.T) {
	core := written(t, madeUp(arch.CortexM))
	i := bytes.Index(core, []byte("corelift"))
	core[i] = 'C'
	f, err := Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := f.Core(context.Background()); err != nil || c.Format != FormatELF {
		t.Error(c, err)
	}
}

// TestTruncatedCore: what is cut off is absent and reported, the rest is there.
func TestTruncatedCore(t *testing.T) {
	c := madeUp(arch.RV32)
	c.Memory.Add(NewRegion(0x80000000, make([]byte, 100), PermR, Known, 0))
	core := written(t, c)
	got := reopened(t, core[:len(core)-30])
	if gaps := got.Memory.Missing(Range{0x80000000, 100}); len(gaps) != 1 || gaps[0] != (Range{0x80000046, 30}) {
		t.Errorf("absent: %v", gaps)
	}
	if d := got.Diagnostics; len(d) != 1 || d[0].Code != "core.truncated" || !got.Damaged() {
		t.Errorf("diagnostics: %+v", d)
	}
	// Cut inside the notes nothing can be trusted.
	b := core[:400]
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var found *notes.FormatError
	if _, err := f.Core(context.Background()); !errors.As(err, &found) {
		t.Error(err)
	}
}

// TestDamagedCore changes a core after it was written.
func TestDamagedCore(t *testing.T) {
	replace := func(old, with string) func([]byte) {
		return func(b []byte) {
			i := bytes.Index(b, []byte(old))
			if i < 0 || len(old) != len(with) {
				t.Fatalf("can't replace %q", old)
			}
			copy(b[i:], with)
		}
	}
	for _, x := range []struct {
		want   string
		change func([]byte)
	}{
		{"CPU", replace(`"riscv32"`, `"riscv64"`)},
		{"CPU", replace(`"riscv32"`, `"MISC-32"`)},
		{"version 9", replace(`"version":1`, `"version":9`)},
		{"invalid character", replace(`"version":1`, `"version":x`)},
		{"no control register", replace(`mcause mtval`, `mcause a0-a9`)},
		{"thread 8", replace(`"id":2`, `"id":8`)},
		{"no register", replace(`a1 a6`, `a1 a9`)},
		{"unknown state", replace(`"missing"`, `"missinG"`)},
		{"want 204", func(b []byte) { // the second thread's note: one byte less, same padding
			first := bytes.Index(b, []byte("CORE\x00\x00\x00\x00"))
			second := first + 1 + bytes.Index(b[first+1:], []byte{204, 0, 0, 0, 1, 0, 0, 0, 'C', 'O'})
			b[second] = 203
		}},
		{"not behind", func(b []byte) { // p_vaddr of the last PT_LOAD
			copy(b[52+3*32+8:], []byte{0, 0, 0, 0x10})
		}},
	} {
		c := awkward(arch.RV32)
		core := written(t, c)
		x.change(core)
		f, err := Open(bytes.NewReader(core), int64(len(core)))
		if err == nil {
			_, err = f.Core(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("want %q, got %v", x.want, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	core := written(t, madeUp(arch.ARM))
	f, _ := Open(bytes.NewReader(core), int64(len(core)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Core(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestOverlappingNotes: many headers that share one note segment must not
// multiply the work.
func TestOverlappingNotes(t *testing.T) {
	const count = 20_000
	note := encoder{order: binary.LittleEndian, pointer: 4}
	for range count {
		note.note("x", 1, nil)
	}
	e := encoder{order: binary.LittleEndian, pointer: 4, out: written(t, New("", arch.RV32, binary.LittleEndian))[:52]}
	binary.LittleEndian.PutUint16(e.out[44:], count)
	for range count {
		e.program(elf.ProgHeader{Type: elf.PT_NOTE, Off: 52 + count*32, Filesz: uint64(len(note.out)), Align: 4})
	}
	core := append(e.out, note.out...)
	f, err := Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range f.Notes() {
		n++
	}
	if n > 4*count || err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("%d notes, %v", n, err)
	}
}

func TestHeader(t *testing.T) {
	c := madeUp(arch.AArch64)
	core := written(t, c)
	f, err := Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	h := f.Header
	if h.Type != elf.ET_CORE || h.Machine != elf.EM_AARCH64 || h.Size != 64 || h.PhEntSize != 56 || h.PhNum != 2 || h.PhOff != 64 || f.Order != binary.LittleEndian {
		t.Errorf("%+v", h)
	}
	data, err := io.ReadAll(f.Data(f.Segments[1]))
	if string(data) != "the memory of the crash" || err != nil {
		t.Errorf("%q %v", data, err)
	}
}

// TestHiddenBytes: any text survives JSON, whatever its encoding.
func TestHiddenBytes(t *testing.T) {
	for _, s := range []string{"", "plain", "\x00\x1b", "\xff\x80", "é\xc3", "\uef80\uefff", "\xee\xbe\x80\xee\xbe", "\ufffd", "\xed\xa0\x80"} {
		if got := showBytes(hideBytes(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// A list of a million nulls takes 5 MB of JSON, and would take 400 MB.
func TestListsAreBounded(t *testing.T) {
	list := "[" + strings.Repeat("null,", maxEvidence) + "null]"
	if _, err := decodeOwn([]byte(`{"version":1,"threads":` + list + `}`)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
	for _, bad := range []string{`{}`, `"x"`, `7`} {
		if _, err := decodeOwn([]byte(`{"version":1,"evidence":` + bad + `}`)); err == nil {
			t.Errorf("%s taken for a list", bad)
		}
	}
}

// FuzzOpen reads any file; what it takes for ours can be written again.
func FuzzOpen(f *testing.F) {
	for _, a := range arch.All() {
		f.Add(written(f, awkward(a)))
	}
	many := New("", arch.CortexM, binary.BigEndian)
	f.Add(written(f, many))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for n, err := range file.Notes() {
			if err == nil && (n.DescOff < 0 || n.DescOff+n.Size > int64(len(data))) {
				t.Fatalf("note %+v outside the file", n)
			}
		}
		c, err := file.Core(context.Background())
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := c.Write(&b); err != nil {
			return // IDs that are not unique
		}
		same(t, c, reopened(t, b.Bytes()))
	})
}

// FuzzRoundTrip writes Cores made of arbitrary registers, texts and memory.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(3), []byte("registers and memory"), "text \xff", uint64(0x20000000))
	f.Add(uint8(5), bytes.Repeat([]byte{0xff, 0x00, 0x7f}, 100), "\uef80", uint64(1<<63))
	f.Fuzz(func(t *testing.T, cpu uint8, data []byte, text string, at uint64) {
		all := arch.All()
		a := all[int(cpu)%len(all)]
		order := binary.ByteOrder(binary.LittleEndian)
		if int(cpu)/len(all)%2 == 1 {
			order = binary.BigEndian
		}
		c := New(text, a, order)
		why := c.Because("fuzz", text, Pos{Source: text, Off: -1})
		next := func() (b byte) {
			if len(data) > 0 {
				b, data = data[0], data[1:]
			}
			return b
		}
		c.Program = Identity{FloatBits: int(next()) % 3 * 32, File: text, Project: text, HideInitial: next()&1 != 0}
		for i := range int(next()) % 4 {
			thread := Thread{ID: int32(i + 1), Regs: NewRegisters(a), Name: Fact[string]{text, State(next() % 4), why}}
			for n, info := range a.Regs {
				s := State(next() % 4)
				if s == Missing {
					thread.Regs.Clear(arch.Reg(n), Why(next()%2))
					continue
				}
				b := make([]byte, (info.Bits+7)/8)
				for k := range b {
					b[k] = next()
				}
				thread.Regs.SetBytes(arch.Reg(n), b, s, Why(next()%2))
			}
			c.Threads = append(c.Threads, thread)
		}
		c.Facts[text] = Fact[string]{text, Known, why}
		c.KeepSuspect = next()&1 != 0
		c.Memory.Add(NewRegion(Addr(at&a.AddrMask()>>1), bytes.Clone(data), uint32(next())&7, State(1+next()%3), Why(next()%2)))
		core := written(t, c)
		got := reopened(t, core)
		same(t, c, got)
		if again := written(t, got); !bytes.Equal(core, again) {
			t.Error("written again it differs")
		}
	})
}
