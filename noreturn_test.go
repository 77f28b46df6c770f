package corelift_test

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// corpusESP gives the dump and the ELF of a chip, and the report that
// Espressif's tool made of them.
func corpusESP(t *testing.T, chip string) (dump []byte, program, report string) {
	t.Helper()
	dir := filepath.Join("../shared/corpus/esp", chip)
	dump, err := os.ReadFile(filepath.Join(dir, "coredump.b64"))
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "expected_output"))
	if err != nil {
		t.Skip(err)
	}
	return dump, filepath.Join(dir, chip+".elf"), string(text)
}

func readESP(t *testing.T, dump []byte, o corelift.Options) *elfcore.Core {
	t.Helper()
	dumps, err := corelift.Dumps(context.Background(), bytes.NewReader(dump), "coredump.b64")
	if err != nil {
		t.Fatal(err)
	}
	c, err := dumps[0].Core(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// windows walks a thread by the base save areas and gives the program counters,
// the region put back into return addresses (esp.md 2.1).
func windows(t *testing.T, c *elfcore.Core, thread *elfcore.Thread) (list []elfcore.Addr) {
	t.Helper()
	pc, _ := thread.Regs.PC()
	ret, _ := thread.Regs.LR()
	sp, _ := thread.Regs.SP()
	for list = append(list, elfcore.Addr(pc)); ret != 0 && len(list) < 64; {
		list = append(list, elfcore.Addr(ret&0x3fffffff|0x40000000))
		var err error
		if ret, _, err = c.ReadWord(elfcore.Addr(sp - 16)); err != nil {
			t.Fatal(err)
		}
		if sp, _, err = c.ReadWord(elfcore.Addr(sp - 12)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// TestNoreturnFrames: with --fix-noreturn each program counter of the crashed
// ESP32 task lies in the function that Espressif's GDB names, which mainline
// GDB's unwinder needs. Without, two do not, and no byte is changed.
func TestNoreturnFrames(t *testing.T) {
	dump, path, report := corpusESP(t, "esp32")
	p := program(t, path)
	_, report, _ = strings.Cut(report, "THREAD 1 (TCB")
	report, _, _ = strings.Cut(report, "THREAD 2 (TCB")
	frame := regexp.MustCompile(`(?m)^#\d+ +0x([0-9a-f]+) in (\w+) `).FindAllStringSubmatch(report, -1)
	if len(frame) != 9 {
		t.Fatalf("%d frames in the report", len(frame))
	}
	for _, fix := range []bool{false, true} {
		c := readESP(t, dump, corelift.Options{Program: p, FixNoreturn: fix})
		list := windows(t, c, c.Crashed())
		var moved []int
		for i, at := range list {
			name, _, ok := p.SymbolAt(at)
			if ok && i < len(frame) && name != frame[i][2] {
				moved = append(moved, i)
			}
		}
		want := []int{1, 2}
		if fix {
			want = nil
		}
		if len(list) != len(frame) || !slices.Equal(moved, want) {
			t.Errorf("fix %v: frames %v of %v are in other functions, want %v", fix, moved, list, want)
		}
		if text := diagnostics(c, "recovery.noreturn"); strings.Contains(text, "not those of the dump") != fix {
			t.Errorf("fix %v: %q", fix, text)
		}
	}
}

// TestROM: another program beside the firmware gives names, and its code to a
// core that shall stand alone, on both of Espressif's CPUs.
func TestROM(t *testing.T) {
	for chip, x := range map[string]struct {
		machine elf.Machine
		at      uint32
	}{"esp32": {elf.EM_XTENSA, 0x4000bfd0}, "esp32c3": {elf.EM_RISCV, 0x400485d0}} {
		t.Run(chip, func(t *testing.T) {
			dump, path, _ := corpusESP(t, chip)
			code := bytes.Repeat([]byte{0x36, 0x41, 0x00, 0x13}, 16)
			rom := filepath.Join(t.TempDir(), chip+"_rom.elf")
			if err := os.WriteFile(rom, fixture.Program(x.machine, x.at, fixture.Function{Name: "in_rom", Code: code}), 0o600); err != nil {
				t.Fatal(err)
			}
			set, err := firmware.Open(path, rom)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			if name, _, _ := set.SymbolAt(elfcore.Addr(x.at + 0x20)); name != "in_rom" {
				t.Errorf("%#x is in %q", x.at+0x20, name)
			}
			for _, alone := range []bool{false, true} {
				c := readESP(t, dump, corelift.Options{Program: set, SelfContained: alone})
				got := make([]byte, len(code))
				_, err := c.Memory.Read(got, elfcore.Addr(x.at))
				if has := err == nil && bytes.Equal(got, code); has != alone {
					t.Errorf("self-contained %v: ROM in the core %v, %v", alone, has, err)
				}
				if c.Program.File != chip+".elf" || c.Program.MatchVerdict != "same" {
					t.Errorf("%+v", c.Program)
				}
			}
		})
	}
}
