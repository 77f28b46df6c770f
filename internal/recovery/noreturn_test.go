package recovery

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// Three functions, each of which ends in a call of one that does not return.
const (
	die   = 0x40080000
	fail  = die + 9
	check = fail + 9
	after = check + 9
)

func windowed(t *testing.T) *firmware.Set {
	code := []byte{0x36, 0x41, 0x00, 0x3d, 0xf0, 0x3d, 0x25, 0x00, 0x00} // entry, nops, call8
	path := filepath.Join(t.TempDir(), "fw.elf")
	made := fixture.Program(elf.EM_XTENSA, die,
		fixture.Function{Name: "die", Code: code}, fixture.Function{Name: "fail", Code: code},
		fixture.Function{Name: "check", Code: code}, fixture.Function{Name: "after", Code: code})
	if err := os.WriteFile(path, made, 0o600); err != nil {
		t.Fatal(err)
	}
	return program(t, path)
}

// xtensaCrash is a thread in die, called by fail, called by check, called from
// the middle of after. Return addresses are as call8 leaves them.
func xtensaCrash() *elfcore.Core {
	const stack = 0x3ffb0000
	c := elfcore.New("test", arch.Xtensa, binary.LittleEndian)
	r := elfcore.NewRegisters(arch.Xtensa)
	r.Set(arch.Xtensa.PC, die+3, elfcore.Known, 0)
	r.Set(arch.Xtensa.SP, stack+0x20, elfcore.Known, 0)
	r.Set(arch.Xtensa.LR, 0x80000000|check&0x3fffffff, elfcore.Known, 0)
	memory := make([]byte, 0x100)
	frame := func(sp int, ret, outer uint32) {
		binary.LittleEndian.PutUint32(memory[sp-16:], ret)
		binary.LittleEndian.PutUint32(memory[sp-12:], outer)
	}
	frame(0x20, 0x80000000|after&0x3fffffff, stack+0x40)
	frame(0x40, 0x80000000|(after+5)&0x3fffffff, stack+0x60) // not on ENTRY
	frame(0x60, 0, stack+0x80)
	c.Memory.Add(elfcore.NewRegion(stack, memory, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	crashed(c, r, arch.FaultAbort)
	return c
}

func TestFixNoreturn(t *testing.T) {
	p, c := windowed(t), xtensaCrash()
	for range 2 { // once more changes nothing more
		FixNoreturn(c, p)
		wantReg(t, c, &c.Threads[0].Regs, arch.Xtensa.LR, 0x80000000|(check-3)&0x3fffffff, elfcore.Recovered, "recovery.noreturn")
		for at, want := range map[elfcore.Addr]uint64{0x3ffb0010: 0x80000000 | (after-3)&0x3fffffff, 0x3ffb0030: 0x80000000 | (after+5)&0x3fffffff} {
			if got, _, err := c.ReadWord(at); err != nil || got != want {
				t.Errorf("%v: 0x%x, %v, want 0x%x", at, got, err, want)
			}
		}
	}
	edited, _ := c.Memory.At(0x3ffb0010)
	e := c.Explain(edited.Why)
	if edited.Size != 4 || edited.State != elfcore.Recovered || edited.Perm != elfcore.PermR|elfcore.PermW ||
		e.Text != "lowered by 3, from the ENTRY of the next function to the call; the dump has 0x8008001b" {
		t.Errorf("%+v, %+v", edited, e)
	}
	if len(c.Diagnostics) != 1 || c.Diagnostics[0].Found != "1 return addresses in registers and 1 in memory on the ENTRY of the next function" {
		t.Errorf("%+v", c.Diagnostics)
	}
}

func TestFixNoreturnHostile(t *testing.T) {
	p := windowed(t)
	for name, edit := range map[string]func(*elfcore.Core){
		"another CPU":  func(c *elfcore.Core) { c.Arch = arch.RV32 },
		"no registers": func(c *elfcore.Core) { c.Threads[0].Regs = elfcore.Registers{} },
		"sp missing": func(c *elfcore.Core) {
			c.Threads[0].Regs.Clear(arch.Xtensa.SP, 0)
			c.Threads[0].Regs.Clear(arch.Xtensa.LR, 0)
		},
		"sp at 0": func(c *elfcore.Core) {
			c.Threads[0].Regs.Set(arch.Xtensa.SP, 8, elfcore.Known, 0)
			c.Threads[0].Regs.Set(arch.Xtensa.LR, 0, elfcore.Known, 0)
		},
		"a circle": func(c *elfcore.Core) {
			c.Threads[0].Regs.Set(arch.Xtensa.SP, 0x3ffb0040, elfcore.Known, 0)
			c.Threads[0].Regs.Set(arch.Xtensa.LR, 0, elfcore.Known, 0)
			circle := elfcore.NewRegion(0x3ffb0034, []byte{0x20, 0, 0xfb, 0x3f}, elfcore.PermR, elfcore.Known, 0)
			if err := c.Memory.Replace(circle); err != nil {
				t.Fatal(err)
			}
		},
	} {
		c := xtensaCrash()
		edit(c)
		FixNoreturn(c, p)
		if len(c.Diagnostics) > 0 {
			t.Errorf("%s: %+v", name, c.Diagnostics)
		}
	}
	c := xtensaCrash()
	if FixNoreturn(c, nil); len(c.Diagnostics) != 1 {
		t.Errorf("without a firmware: %+v", c.Diagnostics)
	}
}
