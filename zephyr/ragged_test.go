package zephyr

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// shellLines are the marker lines of the shell's hex form, which ignore where
// blocks begin.
func shellLines(d *fixture.Dump) (lines []string) {
	for line := range strings.Lines(string(d.ShellHex())) {
		if strings.Contains(line, marker) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestRagged(t *testing.T) {
	for _, name := range []string{"cortex-m3/undef", "x86_64/undef", "rv32e/isr"} {
		c := crash(t, name)
		for _, m := range []fixture.Mode{fixture.Min, fixture.ThreadsKernel, fixture.RAM} {
			d := c.Build(c.NativeBlock(), m)
			mustMatch(t, textInput(string(d.ShellHex())), d)
			lines := shellLines(d)
			mustMatch(t, textInput(joined(lines[1:len(lines)-1])), d)
		}
	}
}

// TestRaggedDamage damages each line: a hole where its place is certain, a
// suspect block where one is missing.
func TestRaggedDamage(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	for _, m := range []fixture.Mode{fixture.Min, fixture.ThreadsKernel} {
		d := c.Build(c.NativeBlock(), m)
		lines, stream := shellLines(d), d.Stream()
		for how, damage := range map[string]func(i int) []string{
			"odd":   func(i int) []string { return change(lines, i, strings.TrimSpace(lines[i])+"1\n") },
			"digit": func(i int) []string { return change(lines, i, lines[i][:len(lines[i])-3]+"\n") },
			"byte":  func(i int) []string { return change(lines, i, lines[i][:len(lines[i])-4]+"\n") },
			"bad": func(i int) []string {
				at := len(lines[i]) / 2
				return change(lines, i, lines[i][:at]+"~"+lines[i][at+1:])
			},
			"lost":     func(i int) []string { return without(lines, i, 1) },
			"two lost": func(i int) []string { return without(lines, i, 2) },
			"twice":    func(i int) []string { return slices.Insert(slices.Clone(lines), i, lines[i]) },
			"cut":      func(i int) []string { return lines[:i] },
		} {
			for i := 2; i < len(lines)-1; i++ {
				got := readDamaged(damage(i))
				if got == nil {
					t.Errorf("%s, line %d %s: not read", d.Name(), i+1, how)
					continue
				}
				for _, lie := range lies(got, d) {
					t.Errorf("%s, line %d %s: %s", d.Name(), i+1, how, lie)
				}
				if !got.Damaged() && how != "odd" && how != "twice" {
					t.Errorf("%s, line %d %s: not damaged", d.Name(), i+1, how)
				}
				if how != "bad" {
					continue
				}
				lost := 0
				for _, r := range d.Memory {
					for a := range r.Data {
						if _, ok := got.Memory.At(elfcore.Addr(r.Addr + uint64(a))); !ok {
							lost++
						}
					}
				}
				off := (i - 1) * lineBytes
				near := stream[max(0, off-memoryHeader(4)):min(len(stream), off+lineBytes+2)]
				if lost > lineBytes && !bytes.Contains(near, []byte{idMemory, 1, 0}) {
					t.Errorf("%s, line %d %s: %d bytes lost", d.Name(), i+1, how, lost)
				}
			}
		}
	}
}

// TestRaggedZeros: the block behind the lost line holds zeros only, which is no
// padding here.
func TestRaggedZeros(t *testing.T) {
	d := makeDump(4, 256, 256)
	clear(d[3].payload)
	stream := d.flatten()
	var lines []string
	for p := range slices.Chunk(stream, lineBytes) {
		lines = append(lines, hexLine(p))
	}
	// The line with the second region's header.
	at := len(stream) - 256 - memoryHeader(4)
	got := readDamaged(without(lines, at/lineBytes, 1+(at+memoryHeader(4)-1)/lineBytes-at/lineBytes))
	if got == nil {
		t.Fatal("not read")
	}
	region, _ := got.Memory.At(0x20000000)
	if region.State != elfcore.Suspect {
		t.Errorf("the region before is %v: %+v", region.State, got.Diagnostics)
	}
}
