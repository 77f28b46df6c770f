package zephyr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// damageable is a dump to damage: its first lines, all headers, and each
// step-th of the others.
type damageable struct {
	*fixture.Dump
	step int
}

// damageDumps have several blocks or one large one, whose sizes are whole lines
// or not.
func damageDumps(t *testing.T) (list []damageable) {
	c := crash(t, "cortex-m3/undef")
	list = append(list, damageable{c.Build(c.NativeBlock(), fixture.ThreadsKernel), 4})
	c = crash(t, "cortex-m33/undef")
	list = append(list, damageable{c.Build(c.WithListHeads(c.NativeBlock()), fixture.RAM), 16})
	c = crash(t, "rv32e/panic")
	list = append(list, damageable{c.Build(c.NativeBlock(), fixture.Threads), 5})
	c = crash(t, "x86_64/div")
	return append(list, damageable{c.Build(c.NativeBlock(), fixture.MinKernel), 3})
}

// readDamaged reads and completes the only dump of a log.
func readDamaged(lines []string) *elfcore.Core {
	in := textInput(joined(lines))
	hits, err := find(in)
	if err != nil || len(hits) != 1 {
		return nil
	}
	c, err := read(in, hits[0])
	if err != nil {
		return nil
	}
	complete(c, elfcore.NoProgram{})
	return c
}

// TestDamagedLines damages every line in turn, in every way: what is known or
// recovered is right, and the damage is told.
func TestDamagedLines(t *testing.T) {
	for how, damage := range map[string]func(lines []string, i int) []string{
		"lost": func(l []string, i int) []string { return without(l, i, 1) },
		"two lost": func(l []string, i int) []string {
			if i+2 < len(l) && isRegion(l[i+1]) {
				return l // the end of a block with the next one's header: what follows may be of either
			}
			return without(l, i, 2)
		},
		"digit lost": func(l []string, i int) []string { return change(l, i, l[i][:len(l[i])-2]+"\n") },
		"byte lost":  func(l []string, i int) []string { return change(l, i, l[i][:len(l[i])-3]+"\n") },
		"first lost": func(l []string, i int) []string { return change(l, i, marker+l[i][len(marker)+2:]) },
		"half lost": func(l []string, i int) []string {
			return change(l, i, l[i][:len(marker)+(len(l[i])-len(marker))/2]+"\n")
		},
		"payload lost": func(l []string, i int) []string { return change(l, i, marker+"\n") },
		"marker lost":  func(l []string, i int) []string { return change(l, i, l[i][1:]) },
		"bad start":    func(l []string, i int) []string { return change(l, i, marker+"?"+l[i][len(marker)+1:]) },
		"bad middle": func(l []string, i int) []string {
			at := (len(marker) + len(l[i])) / 2
			return change(l, i, l[i][:at]+"\x10"+l[i][at+1:])
		},
		"blank in it": func(l []string, i int) []string {
			at := len(marker) + (len(l[i])-len(marker))/4*2
			return change(l, i, l[i][:at]+" "+l[i][at+1:])
		},
		"glued":        func(l []string, i int) []string { return change(l, i, strings.TrimSpace(l[i])+"<inf> app: on\n") },
		"glued hex":    func(l []string, i int) []string { return change(l, i, strings.TrimSpace(l[i])+"added\n") },
		"newline lost": func(l []string, i int) []string { return change(l, i, strings.TrimSpace(l[i])) },
		"merged": func(l []string, i int) []string {
			if i+1 == len(l) {
				return l
			}
			a, b := l[i], l[i+1]
			return slices.Replace(slices.Clone(l), i, i+2, a[:(len(a)+len(marker))/2]+b[(len(b)+len(marker))/2:])
		},
		"merged to more": func(l []string, i int) []string {
			if i+1 == len(l) {
				return l
			}
			return slices.Replace(slices.Clone(l), i, i+2, strings.TrimSpace(l[i])+l[i+1][len(marker)+4:])
		},
		"twice":     func(l []string, i int) []string { return slices.Insert(slices.Clone(l), i, l[i]) },
		"two twice": func(l []string, i int) []string { return slices.Insert(slices.Clone(l), i, l[max(0, i-1):i+1]...) },
		"five twice": func(l []string, i int) []string {
			again := l[max(0, i-4) : i+1]
			if slices.ContainsFunc(again, isRegion) {
				return l // a block of its own, though another's lines are in it
			}
			return slices.Insert(slices.Clone(l), i, again...)
		},
		"another's":     func(l []string, i int) []string { return slices.Insert(slices.Clone(l), i, marker+"00ff\n") },
		"another's odd": func(l []string, i int) []string { return slices.Insert(slices.Clone(l), i, marker+"00f\n") },
		"cut":           func(l []string, i int) []string { return l[:i] },
		"cut in it":     func(l []string, i int) []string { return append(l[:i:i], l[i][:(len(l[i])+len(marker))/2]) },
	} {
		t.Run(how, func(t *testing.T) {
			for _, d := range damageDumps(t) {
				lines := marked(d.Payloads())
				for i := 1; i < len(lines)-1; i++ {
					if i > 20 && i%d.step != 0 && !isRegion(lines[i]) && !isRegion(lines[i+1]) {
						continue
					}
					c := readDamaged(damage(lines, i))
					if c == nil {
						if i > 6 {
							t.Errorf("%s, line %d: not read", d.Name(), i+1)
						}
						continue
					}
					for _, lie := range lies(c, d.Dump) {
						t.Errorf("%s, line %d: %s", d.Name(), i+1, lie)
					}
				}
			}
		})
	}
}

// isRegion: the line is a header of a block of memory.
func isRegion(line string) bool { return strings.HasPrefix(line, marker+"4d0100") }

func change(lines []string, i int, to string) []string {
	lines = slices.Clone(lines)
	lines[i] = to
	return lines
}

// TestLostInBlock loses a run of lines inside a block: what other blocks hold
// is not touched, and nothing is wrong.
func TestLostInBlock(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.ThreadsKernel)
	lines := marked(d.Payloads())
	for n := 2; n < 40; n += 7 {
		for i := 3; i+n < len(lines)-1; i++ {
			if slices.ContainsFunc(lines[i:i+n], isRegion) {
				continue
			}
			c := readDamaged(without(lines, i, n))
			if c == nil || !c.Damaged() {
				t.Fatalf("%d lines from %d: %v", n, i+1, c)
			}
			for _, lie := range lies(c, d) {
				t.Errorf("%d lines from %d: %s", n, i+1, lie)
			}
		}
	}
}

// TestUntouchedBlocks: damage to one block leaves the others exact.
func TestUntouchedBlocks(t *testing.T) {
	c := crash(t, "rv64/undef")
	d := c.Build(c.NativeBlock(), fixture.Threads)
	lines := marked(d.Payloads())
	block := -1
	for i, line := range lines {
		if isRegion(line) {
			block++
		}
		if block < 0 || i == len(lines)-1 {
			continue
		}
		for how, damaged := range map[string][]string{
			"lost": without(lines, i, 1), "odd": change(lines, i, line[:len(line)-2]+"\n"), "twice": slices.Insert(slices.Clone(lines), i, line),
		} {
			c := readDamaged(damaged)
			for k, r := range d.Memory {
				if s, err := c.Memory.Read(make([]byte, len(r.Data)), elfcore.Addr(r.Addr)); k != block && (s != elfcore.Known || err != nil) {
					t.Errorf("line %d %s: block %d is %v: %v", i+1, how, k, s, err)
				}
			}
		}
	}
}

// TestHeaderLost loses the header lines of each kind. The block's size, the
// other headers and what stands in the registers tell the rest.
func TestHeaderLost(t *testing.T) {
	cases, err := fixture.Load("../testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, b := range c.Blocks() {
			d := c.Build(b, fixture.MinKernel)
			lines := marked(d.Payloads())
			kernel := slices.IndexFunc(lines, func(s string) bool {
				return s == marker+"540100"+fmt.Sprintf("%02x%02x\n", len(c.Native.Kernel)&0xff, len(c.Native.Kernel)>>8)
			})
			if kernel < 0 {
				t.Fatal(d.Name())
			}
			for what, i := range map[string]int{"file": 1, "register block": 2, "kernel block": kernel} {
				got := readDamaged(without(lines, i, 1))
				name := d.Name() + " without the header of the " + what
				if got == nil {
					t.Errorf("%s: not read", name)
					continue
				}
				for _, lie := range lies(got, d) {
					t.Errorf("%s: %s", name, lie)
				}
				if !got.Damaged() {
					t.Errorf("%s: not damaged", name)
				}
				// A 36-byte block may be what is left of a 68-byte one.
				want := elfcore.Known
				if what == "register block" && len(b.Data) == 36 {
					want = elfcore.Missing
				}
				stated := slices.Sorted(maps.Keys(b.Stated))
				if got.Crashed() == nil {
					if want == elfcore.Known {
						t.Errorf("%s: no registers", name)
					}
					continue
				}
				for _, n := range stated {
					r, _ := got.Arch.Reg(n)
					if v, s := got.Crashed().Regs.Get(r); s != want || want == elfcore.Known && v != b.Stated[n] {
						t.Errorf("%s: %s is %#x (%v), want %#x", name, n, v, s, b.Stated[n])
						break
					}
				}
			}
		}
	}
}

// TestRegisterLineLost: what a lost line of the block leaves uncertain the
// console text may tell, above it in the log.
func TestRegisterLineLost(t *testing.T) {
	for name, r := range map[string][]string{
		"cortex-m3/undef": {"r0", "r4", "r11", "lr", "pc"}, "aarch64/undef": {"x0", "x18", "x30", "pc"}, "x86_64/undef": {"rax", "rsp", "rip", "r15"},
	} {
		c := crash(t, name)
		d := c.Build(c.NativeBlock(), fixture.Min)
		lines := strings.SplitAfter(string(d.WithConsole()), "\n")
		header := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "E: #CD:41") })
		for i := range (len(d.Block.Data) + 31) / 32 {
			got := readDamaged(without(lines, header+1+i, 1))
			for _, lie := range lies(got, d) {
				t.Errorf("%s, block line %d lost: %s", name, i+1, lie)
			}
			for _, n := range r {
				reg, _ := got.Arch.Reg(n)
				if v, s := got.Crashed().Regs.Get(reg); s != elfcore.Known {
					t.Errorf("%s, block line %d lost: %s is %#x (%v)", name, i+1, n, v, s)
				}
			}
		}
	}
}

// TestCallbackLines: a callback device's lines stand behind the last block.
func TestCallbackLines(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.Threads)
	lines := marked(d.Payloads())
	foreign := []string{marker + strings.Repeat("c3", 32) + "\n", marker + "c3c3c3\n"}
	for range 12 {
		foreign = append(foreign, foreign[0])
	}
	got := readDamaged(slices.Insert(slices.Clone(lines), len(lines)-1, foreign...))
	for _, lie := range lies(got, d) {
		t.Error(lie)
	}
	for _, r := range d.Memory {
		if s, err := got.Memory.Read(make([]byte, len(r.Data)), elfcore.Addr(r.Addr)); s != elfcore.Known || err != nil {
			t.Errorf("%#x: %v %v", r.Addr, s, err)
		}
	}
	if got := codesOf(got); !slices.Equal(got, []string{"zephyr.stray-lines"}) {
		t.Errorf("%v", got)
	}
}

// TestHostileLogs: logs that are all headers take time and memory in
// proportion to their size only.
func TestHostileLogs(t *testing.T) {
	const head = marker + "5a4501000300050000000000\n" + marker + "4102004400\n"
	memory := func(start uint32) string {
		return fmt.Sprintf("%s4d0100%x%x\n%saa\n", marker, little(4, uint64(start)), little(4, uint64(start)+1), marker)
	}
	fill := func(s string) string { return strings.Repeat(s, 1<<20/len(s)) }
	var down, up strings.Builder
	for i := range uint32(20000) {
		down.WriteString(memory(0x30000000 - 2*i))
		up.WriteString(memory(0x30000000 + 2*i))
	}
	full, bad := marker+strings.Repeat("5a", 32)+"\n", marker+"123\n"
	for name, text := range map[string]string{
		"begins":        fill(marker + "BEGIN#\n"),
		"headers":       fill(head)[:64<<10],
		"dumps":         fill(marker + "BEGIN#\n" + head + full + marker + "END#\n")[:64<<10],
		"markers":       fill(marker),
		"blocks":        head + fill(memory(0x20000000)),
		"blocks up":     head + up.String(),
		"blocks down":   head + down.String(),
		"claims":        head + fill(fmt.Sprintf("%s4d010000000020ffffffff\n", marker)),
		"holes":         head + fmt.Sprintf("%s4d01000000000020000030\n%s", marker, fill(full+bad)) + memory(0x10000000),
		"checksums":     head + memory(0x20000000) + fill(marker+"43010012345678\n"),
		"stray":         head + fill(full),
		"frozen":        head + fill(marker+"46010000000000000000000000\n"),
		"anchors":       head + marker + "4d01000000002000001020\n" + strings.Repeat(marker+strings.Repeat("20000020", 8)+"\n", 1<<14) + memory(0x10000000),
		"ragged":        marker + "5a4501000300050000000000" + strings.Repeat("4d", 20) + "\n" + fill(marker+strings.Repeat("4d0100", 10)+"4d01\n"),
		"ragged, holes": marker + "5a4501000300050000000000" + strings.Repeat("4d", 20) + "\n" + fill(full+bad),
	} {
		t.Run(name, func(t *testing.T) {
			in := textInput(text)
			hits, err := find(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hits {
				c, err := read(in, h)
				if err != nil {
					continue
				}
				if len(c.Diagnostics) > 2000 {
					t.Errorf("%d diagnostics", len(c.Diagnostics))
				}
				complete(c, elfcore.NoProgram{})
			}
		})
	}
}

// TestSuppressed: diagnostics beyond the limit are counted.
func TestSuppressed(t *testing.T) {
	text := marker + "5a4501000300050000000000\n" + strings.Repeat(marker+strings.Repeat("77", 32)+"\n"+marker+"4401000000\n"+marker+"4801000000\n", 150)
	_, cores := readLogs(t, textInput(text))
	if got := cores[0].Suppressed["zephyr.block-skipped"]; got != 50 {
		t.Errorf("%d suppressed, want 50: %v", got, cores[0].Suppressed)
	}
}

// TestPointerSize: without a file header the memory headers tell it.
func TestPointerSize(t *testing.T) {
	for _, ptr := range []int{4, 8} {
		// 72 bytes of version 1 are an RV32 block or, on RV64, low words.
		lines := []string{marker + "4101004800\n"}
		for p := range slices.Chunk(noise(72, 3), 32) {
			lines = append(lines, fmt.Sprintf("%s%x\n", marker, p))
		}
		lines = append(lines, fmt.Sprintf("%s4d0100%x%x\n%saabb\n", marker, little(ptr, 0x80000000), little(ptr, 0x80000002), marker))
		c := readDamaged(lines)
		if want := map[int]*arch.Arch{4: arch.RV32, 8: arch.RV64}[ptr]; c == nil || c.Arch != want {
			t.Errorf("%d-byte pointers: %+v", ptr, c)
		}
	}
}
