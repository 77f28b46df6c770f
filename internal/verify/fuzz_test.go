package verify_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/verify"
)

// FuzzFix: of no file Open, Check and Fix panic or take for ever; what Fix
// writes opens again, and has the faults that it says are left.
func FuzzFix(f *testing.F) {
	for _, a := range arch.All() {
		core := written(f, made(a, binary.LittleEndian, true))
		f.Add(core)
		c := edit(f, core)
		c.align, c.ident[7], c.head.Phentsize, c.tail = 8, 9, 12, "\x01"
		c.add("x", 1, c.note(1, 0).desc)
		c.loads = append(c.loads, c.loads...)
		c.loads[0].Memsz++
		f.Add(c.bytes())
	}
	for _, m := range mutations {
		if m.rule == "elf.segments" {
			continue // too large for a seed
		}
		a := map[string]*arch.Arch{m3: arch.CortexM, m33f: arch.CortexM, a64: arch.AArch64, x64: arch.AMD64, i386: arch.I386, rv32: arch.RV32, rv64: arch.RV64}[m.cpu]
		c := edit(f, written(f, made(a, binary.LittleEndian, true)))
		func() {
			defer func() { recover() }() // what the fixture has and this core has not
			m.change(c)
			f.Add(c.bytes())
		}()
	}
	program, err := firmware.Open(elfOf(m33f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, core []byte) {
		// Whether files exist would make runs differ.
		o := verify.Options{Exists: func(path string) bool { return len(path)%2 == 0 }}
		if len(core)%2 == 1 {
			o.Program = program
		}
		v, err := verify.Open(bytes.NewReader(core), int64(len(core)), o)
		if err != nil {
			return
		}
		v.Check()
		v.Fix()
		left := v.Check()
		var out bytes.Buffer
		if v.Write(&out) != nil {
			return // headers that can't be read, or larger than the class allows
		}
		if out.Len() > 40*len(core)+1<<16 {
			t.Fatalf("%d bytes became %d", len(core), out.Len())
		}
		if _, err := elfcore.Open(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil {
			t.Fatal(err)
		}
		again, err := verify.Open(bytes.NewReader(out.Bytes()), int64(out.Len()), o)
		if err != nil {
			t.Fatal(err)
		}
		got := again.Check()
		if len(got) != len(left) {
			t.Fatalf("%s, left were %s", names(got), names(left))
		}
		for i := range got {
			if got[i].ID != left[i].ID || got[i].Severity != left[i].Severity {
				t.Fatalf("%s, left were %s", names(got), names(left))
			}
		}
	})
}

func names(list []verify.Finding) (text string) {
	for _, f := range list {
		text += f.ID + " (" + f.Found + ") "
	}
	return text
}
