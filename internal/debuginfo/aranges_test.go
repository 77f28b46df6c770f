package debuginfo

import "testing"

// TestAranges compares the two ways to find units: where GCC wrote .debug_aranges
// for all of them, those have what the units' own ranges have.
func TestAranges(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) {
			n := 0
			for _, s := range p.unitRanges(func(*Unit) bool { return true }) {
				if !p.live(s.low, s.high) {
					continue
				}
				pcs := []uint64{s.low, s.high - 1}
				if s.of.Language() == assembler {
					pcs = pcs[:1] // its size is from before the linker shrinks code
				}
				for _, pc := range pcs {
					if u := covering(p.aranges.get(p.readAranges), pc); u != s.of {
						t.Errorf("%#x: not in %s", pc, s.of.Name())
					}
				}
				n++
			}
			if n == 0 {
				t.Error("no ranges")
			}
		})
	}
}

// assembler is DW_LANG_Mips_Assembler, which GNU as writes on all CPUs.
const assembler = 0x8001

// TestUnitWithoutAranges finds functions of a unit that .debug_aranges lacks.
func TestUnitWithoutAranges(t *testing.T) {
	p := build(t, "gcc -gdwarf-5 -O2 C")
	d := p.with(secAranges, nil)
	for f := range p.AllFunctions() {
		u, ok := d.UnitAt(f.Ranges[0][0])
		if !ok || u.Off != f.Entry.Unit().Off {
			t.Errorf("%s: no unit", f.Name)
		}
	}
}
