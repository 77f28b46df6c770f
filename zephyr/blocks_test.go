package zephyr

import (
	"encoding/binary"
	"fmt"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// TestRegisterBlocks resolves every row and every list of registers that the
// package keeps as text.
func TestRegisterBlocks(t *testing.T) {
	for i := range registerBlocks {
		r := &registerBlocks[i]
		name := fmt.Sprintf("target %d version %d of %d bytes", r.target, r.version, r.size)
		slots, size, err := r.arch.Slots(r.layout)
		if err != nil || size != r.size {
			t.Errorf("%s: layout of %d bytes, %v", name, size, err)
		}
		seen := map[arch.Reg]bool{}
		for _, s := range slots {
			if s.Reg != arch.NoReg && seen[s.Reg] {
				t.Errorf("%s: %s twice", name, r.arch.Regs[s.Reg].Name)
			}
			seen[s.Reg] = true
		}
		for _, group := range r.zero {
			list, _, err := r.arch.Slots(arch.Layout{Width: 1, Slots: group})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, s := range list {
				if !seen[s.Reg] {
					t.Errorf("%s: %s is in the group %q only", name, r.arch.Regs[s.Reg].Name, group)
				}
			}
		}
		if bits := map[int]uint8{4: 5, 8: 6}[r.arch.PtrSize()]; r.bits != bits {
			t.Errorf("%s: %d bits, the CPU's are %d", name, r.bits, bits)
		}
		if !seen[r.arch.PC] {
			t.Errorf("%s: no pc", name)
		}
		if got, ok := findBlock(r.target, r.bits, r.version, r.size); !ok || got != r {
			t.Errorf("%s: hidden by an earlier row", name)
		}
	}
	for a, layout := range map[*arch.Arch]arch.Layout{
		arch.CortexM: cortexMPattern, arch.AArch64: arm64Pushed.layout, arch.RV32: rv32Pushed.layout, arch.RV64: rv64Pushed.layout,
	} {
		if _, _, err := a.Slots(layout); err != nil {
			t.Error(err)
		}
	}
	for a, names := range consoleNames {
		for said, name := range names {
			if _, ok := a.Reg(name); !ok {
				t.Errorf("%s: %q means %q, which is no register", a.Name, said, name)
			}
		}
	}
}

// TestRivals: layouts that only their contents tell apart are known, and are
// told apart.
func TestRivals(t *testing.T) {
	type key struct {
		version uint16
		size    int
		bits    uint8
	}
	groups := map[key][]*registerBlock{}
	for i := range registerBlocks {
		r := &registerBlocks[i]
		k := key{r.version, r.size, r.bits}
		groups[k] = append(groups[k], r)
	}
	n := 0
	for k, rows := range groups {
		if sameArch(rows) {
			continue
		}
		n++
		if len(rows) != 2 || len(tellApart(rows, make([]byte, k.size))) != 1 {
			t.Errorf("version %d of %d bytes: %d layouts, and no rule", k.version, k.size, len(rows))
		}
	}
	if n != len(rivals) {
		t.Errorf("%d pairs, %d rules", n, len(rivals))
	}
}

// TestZeroGroups: a group that is all zeros was not captured; one that is not
// was, zeros and all.
func TestZeroGroups(t *testing.T) {
	row, _ := findBlock(targetCortexM, 5, 2, 68)
	block := make([]byte, 68)
	for i := range 9 {
		binary.LittleEndian.PutUint32(block[4*i:], uint32(0x100+i))
	}
	get := func(chunks []chunk, name string) elfcore.State {
		c := elfcore.New(Name, arch.CortexM, binary.LittleEndian)
		regs := elfcore.NewRegisters(arch.CortexM)
		row.load(c, &regs, chunks, 0)
		r, _ := arch.CortexM.Reg(name)
		_, s := regs.Get(r)
		return s
	}
	whole := []chunk{{0, block, elfcore.Known}}
	if s := get(whole, "r4"); s != elfcore.Missing {
		t.Errorf("r4 of a block without is %v", s)
	}
	// Only r11, which is zero, is left of the group.
	if s := get([]chunk{{0, block[:32], elfcore.Suspect}, {64, block[64:], elfcore.Known}}, "r11"); s != elfcore.Missing {
		t.Errorf("r11 is %v", s)
	}
	block[40] = 1
	if s := get(whole, "r11"); s != elfcore.Known {
		t.Errorf("r11 of a block with r5 is %v", s)
	}
	if s := get(whole, "sp"); s != elfcore.Suspect {
		t.Errorf("sp is %v", s)
	}
	if s := get([]chunk{{0, block[:32], elfcore.Suspect}}, "r0"); s != elfcore.Suspect {
		t.Errorf("r0 of a shifted line is %v", s)
	}
	// A slot that two chunks share is not there.
	if s := get([]chunk{{0, block[:2], elfcore.Known}, {2, block[2:], elfcore.Known}}, "r0"); s != elfcore.Missing {
		t.Errorf("r0 of two chunks is %v", s)
	}
}

// TestCalleeFlag: version 3 says whether r4-r11 are valid.
func TestCalleeFlag(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	r4, _ := arch.CortexM.Reg("r4")
	for name, want := range map[string]elfcore.State{
		"v3": elfcore.Known, "v3, r4-r11 not valid": elfcore.Missing, "v3, r4-r11 not valid, stale": elfcore.Missing,
	} {
		row, _ := findBlock(targetCortexM, 5, 3, 76)
		core := elfcore.New(Name, arch.CortexM, binary.LittleEndian)
		regs := elfcore.NewRegisters(arch.CortexM)
		row.load(core, &regs, []chunk{{0, c.Block(name).Data, elfcore.Known}}, 0)
		if _, s := regs.Get(r4); s != want {
			t.Errorf("%s: r4 is %v, want %v", name, s, want)
		}
	}
}
