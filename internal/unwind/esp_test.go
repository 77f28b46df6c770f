package unwind_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/unwind"
)

const corpus = "../../../shared/corpus/esp/"

// espDump reads a dump of the corpus with its firmware, without the ROM's.
func espDump(t testing.TB, chip string) (*elfcore.Core, *firmware.Set) {
	t.Helper()
	f, err := os.Open(corpus + chip + "/coredump.b64")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no corpus beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p, err := firmware.Open(corpus + chip + "/" + chip + ".elf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	dumps, err := corelift.Dumps(context.Background(), f, chip)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dumps[0].Core(context.Background(), corelift.Options{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// espFrame is a frame as GDB printed it. pc is 0 where it is at the beginning
// of a line, which GDB does only for the innermost frame.
type espFrame struct {
	pc       elfcore.Addr
	function string
}

var (
	espThread = regexp.MustCompile(`THREAD \d+ \(TCB: 0x[0-9a-f]+, name: '(.*)'\)`)
	espLine   = regexp.MustCompile(`^#(\d+)  (?:0x([0-9a-f]+) in )?(\S+) \(`)
)

// espExpected reads the traces of all threads out of the vendor's report. Of a
// function that was inlined GDB prints a frame of its own, and the function it
// is in without a pc. At 0 of an entry's return address, with or without the
// region, it prints one frame too many.
func espExpected(t *testing.T, chip string) map[string][]espFrame {
	text, err := os.ReadFile(corpus + chip + "/expected_output")
	if err != nil {
		t.Fatal(err)
	}
	traces, name := map[string][]espFrame{}, ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if m := espThread.FindStringSubmatch(lines.Text()); m != nil {
			name = m[1]
		}
		m := espLine.FindStringSubmatch(lines.Text())
		if m == nil || name == "" {
			continue
		}
		pc, _ := strconv.ParseUint(m[2], 16, 64)
		switch last := len(traces[name]) - 1; {
		case m[2] == "" && m[1] != "0":
			traces[name][last].function = m[3]
		case m[2] == "" || pc&0x3fff_ffff != 0:
			traces[name] = append(traces[name], espFrame{elfcore.Addr(pc), m[3]})
		}
	}
	return traces
}

// TestESP32 compares every frame of every thread of a real dump. Windows lead
// through the ROM.
func TestESP32(t *testing.T) {
	c, p := espDump(t, "esp32")
	traces := espExpected(t, "esp32")
	if len(c.Threads) != 6 || len(traces) != 6 {
		t.Fatalf("%d threads, want %d", len(c.Threads), len(traces))
	}
	for _, th := range c.Threads {
		frames := unwind.Walk(c, p, th.Regs, 0)
		sameTrace(t, p, th.Name.Value, frames, traces[th.Name.Value])
		for i, f := range frames[1:] {
			if f.Trust != unwind.Window {
				t.Errorf("%s: frame %d by %v", th.Name.Value, i+1, f.Trust)
			}
		}
	}
}

// TestESP32C3: of the ROM without its ELF only the first frame is known. Those
// beyond it are found by a scan.
func TestESP32C3(t *testing.T) {
	c, p := espDump(t, "esp32c3")
	traces := espExpected(t, "esp32c3")
	if len(c.Threads) != 3 || len(traces) != 3 {
		t.Fatalf("%d threads, want %d", len(c.Threads), len(traces))
	}
	for _, th := range c.Threads {
		want := traces[th.Name.Value]
		frames := unwind.Walk(c, p, th.Regs, 0)
		if th.Name.Value == "main" {
			want = append(want[:5:5], want[6:]...) // ets_printf, in the ROM
			for i, f := range frames {
				if gap := f.Gap != ""; gap != (i == 4) || i > 0 && f.Trust != map[bool]unwind.Trust{false: unwind.CFI, true: unwind.Scan}[i > 4] {
					t.Errorf("frame %d: gap %q, by %v", i, f.Gap, f.Trust)
				}
				if sp, s := f.Regs.SP(); i > 4 && s != elfcore.Suspect {
					t.Errorf("frame %d: sp 0x%x is %v", i, sp, s)
				}
			}
			if got := frames[4].Gap; got != "code not in any image at 0x400485e4" {
				t.Errorf("gap %q", got)
			}
		}
		sameTrace(t, p, th.Name.Value, frames, want)
	}
}

func sameTrace(t *testing.T, p *firmware.Set, thread string, frames []unwind.Frame, want []espFrame) {
	t.Helper()
	if len(frames) != len(want) {
		t.Errorf("%s: %d frames, want %d", thread, len(frames), len(want))
	}
	for i := range min(len(frames), len(want)) {
		f := &frames[i]
		name, _, known := p.SymbolAt(f.Lookup())
		if want[i].pc != 0 && f.PC != want[i].pc || known && name != want[i].function || known == (f.Gap != "") {
			t.Errorf("%s: frame %d is %v in %s, gap %q, want %v in %s", thread, i, f.PC, name, f.Gap, want[i].pc, want[i].function)
		}
	}
	if end := frames[len(frames)-1].End; end.Kind != unwind.Outermost {
		t.Errorf("%s ends with %v", thread, end)
	}
}

// BenchmarkESP walks all threads of the two dumps, the firmware being open.
func BenchmarkESP(b *testing.B) {
	for _, chip := range []string{"esp32", "esp32c3"} {
		c, p := espDump(b, chip)
		b.Run(chip, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, th := range c.Threads {
					unwind.Walk(c, p, th.Regs, 0)
				}
			}
		})
	}
}
