package corelift_test

import (
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// The damage tests take lines out of a console log, one at a time or all from
// one on, and look for lies: a register or byte that is known or recovered,
// but wrong. Lost bytes may only be absent or suspect.

// extent is a memory block's lines, header included, in fixture.Dump.Lines.
type extent struct {
	first, end int
	fixture.Memory
}

// memoryLines finds the lines of each memory block: BEGIN, then every call of
// the target on lines of its own.
func memoryLines(d *fixture.Dump) (list []extent) {
	lines := func(n int) int { return (n + 31) / 32 }
	at := 1 + 1 + 1 + lines(len(d.Block.Data)) // BEGIN, file header, block header
	if d.Mode.Kernel {
		at += 1 + lines(len(d.Case.Native.Kernel))
	}
	for _, r := range d.Memory {
		end := at + 1 + lines(len(r.Data))
		list = append(list, extent{at, end, r})
		at = end
	}
	return list
}

// TestCutAnywhere ends the log at every line.
func TestCutAnywhere(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range ends(cases) {
			d, lines := damageCase(t, c)
			for n := 2; n < len(lines)-1; n += stride() { // all of the dump needs no END
				checkDamaged(t, d, lines[:n:n], n, len(lines))
			}
		}
	})
}

// TestDropEachLine loses one line at a time.
func TestDropEachLine(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range ends(cases) {
			d, lines := damageCase(t, c)
			for n := 1; n < len(lines)-1; n += stride() { // BEGIN and END carry no bytes
				checkDamaged(t, d, slices.Delete(slices.Clone(lines), n, n+1), n, n+1)
			}
		}
	})
}

// TestGarbleEachLine damages one digit of each line in turn: no more than that
// line's bytes may be lost.
func TestGarbleEachLine(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		d, lines := damageCase(t, cases[0])
		for n := 1; n < len(lines)-1; n += stride() {
			garbled := slices.Clone(lines)
			at := strings.Index(lines[n], "#CD:") + len("#CD:") + 5
			garbled[n] = lines[n][:at] + "?" + lines[n][at+1:]
			c := checkDamaged(t, d, garbled, n, n+1)
			for _, x := range memoryLines(d) {
				if c == nil || n <= x.first || n >= x.end {
					continue
				}
				off := (n - x.first - 1) * 32
				behind := min(off+32, len(x.Data))
				for _, part := range []fixture.Memory{
					{Addr: x.Addr, Data: x.Data[:off]},
					{Addr: x.Addr + uint64(behind), Data: x.Data[behind:]},
				} {
					got := make([]byte, len(part.Data))
					if state, err := c.Memory.Read(got, elfcore.Addr(part.Addr)); err != nil || state != elfcore.Known {
						t.Errorf("%s: line %d garbled: memory %#x-%#x is %v: %v", d.Case.Name(), n+1, part.Addr, part.End(), state, err)
					}
				}
			}
		}
	})
}

// stride is the step from one damaged line to the next.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// ends are the first and the last of a CPU's crashes: for most of them one in
// an interrupt and one in a thread.
func ends(cases []*fixture.Case) []*fixture.Case {
	return []*fixture.Case{cases[0], cases[len(cases)-1]}
}

// damageCase is the dump that is damaged: in a memory mode of several blocks.
func damageCase(t *testing.T, c *fixture.Case) (*fixture.Dump, []string) {
	d := c.Build(c.NativeBlock(), fixture.AsCaptured)
	lines := d.Lines(fixture.DressingOf("minimal"))
	if last := memoryLines(d); last[len(last)-1].end != len(lines)-1 {
		t.Fatalf("memory ends at line %d of %d", last[len(last)-1].end, len(lines))
	}
	return d, lines
}

// checkDamaged converts a log that lacks the lines from..to of the dump.
func checkDamaged(t *testing.T, d *fixture.Dump, lines []string, from, to int) *elfcore.Core {
	t.Helper()
	what := d.Case.Name() + " without " + lineRange(from, to)
	c, err := convert(t, join(lines), "damaged.log", program(t, d.Case.ELF))
	if err != nil {
		if from > 2 {
			t.Errorf("%s: %v", what, err)
		}
		return nil // nothing but the file header is left, or it is what was lost
	}
	var f findings
	if !c.Damaged() {
		f.add("not taken for damaged")
	}
	if !slices.ContainsFunc(c.Diagnostics, func(x elfcore.Diagnostic) bool { return x.Severity == elfcore.Loss && x.At.Line > 0 }) {
		f.add("no diagnostic names the line: %v", c.Diagnostics)
	}
	f = append(f, lies(c, d)...)
	for _, x := range memoryLines(d) {
		if x.end > from && x.first < to {
			continue
		}
		got := make([]byte, len(x.Data))
		if state, err := c.Memory.Read(got, elfcore.Addr(x.Addr)); err != nil || state != elfcore.Known {
			f.add("memory %#x-%#x was not touched, but is %v: %v", x.Addr, x.End(), state, err)
		}
	}
	f.report(t, what)
	return c
}

// lies are registers and bytes of state recovered or known that are wrong.
func lies(c *elfcore.Core, d *fixture.Dump) (f findings) {
	if t := c.Crashed(); t != nil {
		truth := d.Case.Crashed()
		for i, info := range c.Arch.Regs {
			v, state := t.Regs.Get(arch.Reg(i))
			stated, isStated := d.Block.Stated[info.Name]
			live, hasLive := truth.Registers[info.Name]
			right := isStated && v == stated || hasLive && (v == uint64(live) || v == uint64(live)|xpsrSFPA(info.Name, d)) ||
				info.Name == d.Case.PC() && v == uint64(live)+d.Case.Truth.TrapSize || !isStated && !hasLive && info.Group != arch.General
			if state >= elfcore.Recovered && !right {
				f.add("%s is %#x (%v, %s), the truth is %#x", info.Name, v, state, c.Explain(t.Regs.Why(arch.Reg(i))).Rule, uint64(live))
			}
		}
	}
	for i := range d.Case.Truth.Threads[1:] {
		want := &d.Case.Truth.Threads[i+1]
		t := threadOf(c, want)
		if t == nil || t == c.Crashed() {
			continue
		}
		for i, info := range c.Arch.Regs {
			v, state := t.Regs.Get(arch.Reg(i))
			live, ok := want.Registers[info.Name]
			if ok && state >= elfcore.Recovered && v != uint64(live) && v != uint64(live)|xpsrSFPA(info.Name, d) {
				f.add("thread %s: %s is %#x (%v), the truth is %#x", want.Name, info.Name, v, state, uint64(live))
			}
		}
	}
	return append(f, wrongBytes(c, d)...)
}

func wrongBytes(c *elfcore.Core, d *fixture.Dump) (f findings) {
	for r := range c.Memory.All() {
		if r.State < elfcore.Recovered {
			continue
		}
		got := make([]byte, r.Size)
		if _, err := c.Memory.Read(got, r.Addr); err != nil {
			f.add("memory %v: %v", r.Range, err)
			continue
		}
		for i := range got {
			at := uint64(r.Addr) + uint64(i)
			// Memory that the firmware added is not the dump's to judge.
			if truth := d.Byte(at); truth != nil && !slices.Contains(truth, got[i]) {
				f.add("memory at %#x is %#x (%v), the truth is %#x", at, got[i], r.State, truth)
				break
			}
		}
	}
	return f
}

// TestOneRegion loses each line of a dump whose memory is the whole RAM in one
// block, where nothing but the bytes themselves tells which line was lost. No
// byte may be wrong; how often the crashed thread's stack survives is logged:
// all of it, and its frames, which lie from sp on.
func TestOneRegion(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		c := cases[len(cases)-1]
		oneRegion(t, "", c.Build(c.NativeBlock(), fixture.RAM))
		oneRegion(t, ", with list heads", c.Build(c.WithListHeads(c.NativeBlock()), fixture.RAM))
	})
}

func oneRegion(t *testing.T, kind string, d *fixture.Dump) {
	c := d.Case
	lines := d.Lines(fixture.DressingOf("minimal"))
	block := memoryLines(d)[0]
	stack := c.Current().Stack
	sp := uint64(c.Crashed().Registers[c.SP()])
	whole, frames, outside := 0, 0, 0
	for n := block.first + 1; n < block.end; n += stride() {
		core, err := convert(t, join(slices.Delete(slices.Clone(lines), n, n+1)), "damaged.log", nil)
		if err != nil {
			t.Errorf("%s without line %d: %v", c.Name(), n, err)
			continue
		}
		wrongBytes(core, d).report(t, c.Name()+" without "+lineRange(n, n+1))
		if at := block.Addr + uint64(n-block.first-1)*32; at+32 > uint64(stack[0]) && at < uint64(stack[1]) {
			continue
		}
		outside++
		certain := func(from uint64) bool {
			state, err := core.Memory.Read(make([]byte, uint64(stack[1])-from), elfcore.Addr(from))
			return err == nil && state >= elfcore.Recovered
		}
		if certain(uint64(stack[0])) {
			whole++
		}
		if certain(sp) {
			frames++
		}
	}
	t.Logf("%s: one line of the RAM outside the stack lost: of %d cases the stack is whole and certain in %d, its frames in %d", c.Name()+kind, outside, whole, frames)
}
