package zephyr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

// crash is the fixture of that name, "cortex-m3/undef".
func crash(t testing.TB, name string) *fixture.Case {
	t.Helper()
	cases, err := fixture.Load("../testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Name() == name {
			return c
		}
	}
	t.Fatalf("no fixture %s", name)
	return nil
}

// textInput is a log as capture hands it over.
func textInput(text string) format.Input {
	return format.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Name: "crash.log", Text: true}
}

// readLogs reads every dump of a log; a dump that can't be read is nil.
func readLogs(t testing.TB, in format.Input) (hits []format.Hit, cores []*elfcore.Core) {
	t.Helper()
	hits, err := find(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		c, _ := read(in, h)
		cores = append(cores, c)
	}
	return hits, cores
}

// marked are the marker lines of payloads.
func marked(payloads []string) (lines []string) {
	for _, p := range payloads {
		lines = append(lines, marker+p+"\n")
	}
	return lines
}

func joined(lines []string) string { return strings.Join(lines, "") }

// without leaves n lines out from line i on.
func without(lines []string, i, n int) []string {
	return slices.Delete(slices.Clone(lines), i, min(i+n, len(lines)))
}

// lies are the registers and bytes that are recovered or known, but not what
// the dump has.
func lies(c *elfcore.Core, d *fixture.Dump) (list []string) {
	if t := c.Crashed(); t != nil {
		live, owed := d.Case.Crashed().Registers, d.Owed()
		for i, info := range c.Arch.Regs {
			v, state := t.Regs.Get(arch.Reg(i))
			if state < elfcore.Recovered || info.Group == arch.Control || contested(t, arch.Reg(i)) {
				continue
			}
			stated, isStated := d.Block.Stated[info.Name]
			due, isOwed := owed[info.Name]
			truth, isLive := live[info.Name]
			if !(isStated && v == stated || isOwed && v == due || isLive && v == uint64(truth)) {
				list = append(list, fmt.Sprintf("%s is %#x (%v, %s), the truth %#x", info.Name, v, state, c.Explain(t.Regs.Why(arch.Reg(i))).Rule, uint64(truth)))
			}
		}
	}
	for r := range c.Memory.All() {
		if r.State < elfcore.Recovered {
			continue
		}
		got := make([]byte, r.Size)
		if _, err := c.Memory.Read(got, r.Addr); err != nil {
			list = append(list, err.Error())
			continue
		}
		for i, b := range got {
			if at := uint64(r.Addr) + uint64(i); !slices.Contains(d.Byte(at), b) {
				list = append(list, fmt.Sprintf("the byte at %#x is %#x (%v), the truth %#x", at, b, r.State, d.Byte(at)))
				break
			}
		}
	}
	return list
}

// contested: rival readings, which recovery has yet to weigh, differ in it.
func contested(t *elfcore.Thread, n arch.Reg) bool {
	v, _ := t.Regs.Get(n)
	return slices.ContainsFunc(t.Alternatives, func(r elfcore.Registers) bool { w, _ := r.Get(n); return w != v })
}

// mustMatch: the log holds one dump, whole, that reads as d.
func mustMatch(t *testing.T, in format.Input, d *fixture.Dump) *elfcore.Core {
	t.Helper()
	hits, cores := readLogs(t, in)
	if len(cores) != 1 || cores[0] == nil || cores[0].Crashed() == nil {
		t.Fatalf("%d dumps: %+v", len(cores), hits)
	}
	c := cores[0]
	if c.Damaged() || !hits[0].Whole {
		t.Errorf("damaged: %+v, hit %+v", c.Diagnostics, hits[0])
	}
	for _, text := range lies(c, d) {
		t.Error(text)
	}
	for _, r := range d.Memory {
		if s, err := c.Memory.Read(make([]byte, len(r.Data)), elfcore.Addr(r.Addr)); err != nil || s != elfcore.Known {
			t.Errorf("memory at %#x is %v: %v", r.Addr, s, err)
		}
	}
	for name, want := range d.Block.Stated {
		r, _ := c.Arch.Reg(name)
		if v, s := c.Crashed().Regs.Get(r); s != elfcore.Known || v != want {
			t.Errorf("%s is %#x (%v), want %#x", name, v, s, want)
		}
	}
	return c
}

// TestDressings: what stands around the payloads, whole lines of it (zephyr.md
// 1.2, 1.3). fixture.Dressings has more, which the acceptance tests use.
func TestDressings(t *testing.T) {
	uart := func(before, after string) func(int, string) string {
		return func(_ int, p string) string { return before + marker + p + after }
	}
	for name, look := range map[string]func(n int, payload string) string{
		"CR CR LF":         uart("E: ", "\r\r\n"),
		"LF CR":            uart("E: ", "\n\r"),
		"CR only":          uart("E: ", "\r"),
		"colour glued":     uart("[00:00:00.020,000] \x1b[1;31m<err> coredump: ", "\x1b[0m\r\n"),
		"NULs":             uart("\x00E\x00: ", "\x00\r\n\x00"),
		"tabs, blanks":     uart("E: ", " \t \r\n"),
		"upper case":       func(_ int, p string) string { return "E: " + marker + strings.ToUpper(p) + "\r\n" },
		"prompt redrawn":   uart("uart:~$ \x1b[8D\x1b[J[00:00:00.020,000] <err> coredump: ", "\r\nuart:~$ \x1b[8D\x1b[J"),
		"foreign line":     uart("<wrn> net: link 5a45 down\r\n--- 7 messages dropped ---\r\nE: ", "\r\n"),
		"stamps that grow": func(n int, p string) string { return fmt.Sprintf("[%d] E: %s%s\n", n*n*n, marker, p) },
		"a marker before":  uart("E: #CD: dump follows\r\nE: ", "\r\n"),
		"newline lost": func(n int, p string) string {
			if n%5 == 2 {
				return "[00:01] <err> coredump: " + marker + p
			}
			return "[00:01] <err> coredump: " + marker + p + "\r\n"
		},
		"newline lost, bare": func(n int, p string) string {
			return marker + p + map[bool]string{true: "", false: "\n"}[n%3 == 1]
		},
		"hex glued to full lines": func(_ int, p string) string {
			if len(p) == 2*lineBytes {
				return marker + p + "E: link up\n"
			}
			return marker + p + "\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, crashed := range []string{"cortex-m3/undef", "rv64/undef", "x86_64/undef"} {
				c := crash(t, crashed)
				d := c.Build(c.NativeBlock(), fixture.MinKernel)
				var text strings.Builder
				for i, p := range d.Payloads() {
					text.WriteString(look(i, p))
				}
				mustMatch(t, textInput(text.String()), d)
			}
		})
	}
}

// TestEncodings: capture turns PowerShell's UTF-16 into UTF-8 and joins what a
// terminal wrapped at 80 columns.
func TestEncodings(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.Min)
	plain := string(d.Text(fixture.DressingOf("deferred")))
	var little, big bytes.Buffer
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(plain))...) {
		little.Write([]byte{byte(u), byte(u >> 8)})
		big.Write([]byte{byte(u >> 8), byte(u)})
	}
	var wrapped strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(plain, "\r\n"), "\r\n") {
		for ; len(line) > 80; line = line[80:] {
			wrapped.WriteString(line[:80] + "\r\n")
		}
		wrapped.WriteString(line + "\r\n")
	}
	for name, text := range map[string]string{
		"UTF-16LE": little.String(), "UTF-16BE": big.String(), "UTF-8 with BOM": "\xef\xbb\xbf" + plain, "80 columns": wrapped.String(),
	} {
		t.Run(name, func(t *testing.T) {
			source, err := capture.Open(strings.NewReader(text), "crash.log", capture.Limits{})
			if err != nil || len(source.Inputs) != 1 {
				t.Fatalf("%d inputs, %v", len(source.Inputs), err)
			}
			defer source.Close()
			mustMatch(t, source.Inputs[0], d)
		})
	}
}

// TestMarkersMissing: a dump that was copied out of a log, and a log that
// begins late.
func TestMarkersMissing(t *testing.T) {
	c := crash(t, "rv64/undef")
	d := c.Build(c.NativeBlock(), fixture.Min)
	lines := marked(d.Payloads())
	mustMatch(t, textInput(joined(lines[1:])), d)
	mustMatch(t, textInput(joined(lines[1:len(lines)-1])), d)
	hits, cores := readLogs(t, textInput(joined(lines[:len(lines)-1])))
	if len(hits) != 1 || hits[0].Whole || !slices.Contains(codesOf(cores[0]), "zephyr.no-end") {
		t.Errorf("without END: %+v, %v", hits, codesOf(cores[0]))
	}
	if s, err := cores[0].Memory.Read(make([]byte, 64), elfcore.Addr(d.Memory[1].Addr)); s != elfcore.Known || err != nil {
		t.Errorf("without END: memory is %v, %v", s, err)
	}
	// Without the last newline, and in the middle of the last line.
	text := joined(lines)
	mustMatch(t, textInput(text[:len(text)-1]), d)
	for cut := 2; cut < 200; cut++ {
		_, cores := readLogs(t, textInput(text[:len(text)-cut]))
		for _, lie := range lies(cores[0], d) {
			t.Errorf("cut by %d: %s", cut, lie)
		}
	}
}

// TestStartsMidDump: the capture began late, at any line.
func TestStartsMidDump(t *testing.T) {
	for _, name := range []string{"cortex-m3/undef", "x86_64/undef", "aarch64/panic"} {
		c := crash(t, name)
		d := c.Build(c.NativeBlock(), fixture.ThreadsKernel)
		lines := marked(d.Payloads())
		for i := 2; i < len(lines)-1; i++ {
			hits, cores := readLogs(t, textInput(joined(lines[i:])))
			if len(hits) != 1 || hits[0].Whole {
				t.Errorf("%s from line %d: %+v", name, i, hits)
			}
			if cores[0] == nil {
				continue
			}
			if !cores[0].Damaged() {
				t.Errorf("%s from line %d: not damaged", name, i)
			}
			for _, lie := range lies(cores[0], d) {
				t.Errorf("%s from line %d: %s", name, i, lie)
			}
		}
	}
}

// TestSeveral: a boot loop, its dumps whole, cut off by a reset, without a
// BEGIN, without either marker; and stray ends between them.
func TestSeveral(t *testing.T) {
	c := crash(t, "cortex-m3/div")
	d := c.Build(c.NativeBlock(), fixture.Min)
	lines := marked(d.Payloads())
	n := len(lines)
	boot := "*** Booting Zephyr OS build v4.1.0 ***\n"
	cut := joined(lines[:n/2])
	for name, test := range map[string]struct {
		text  string
		whole []bool
	}{
		"two":                      {joined(lines) + boot + joined(lines), []bool{true, true}},
		"first cut off":            {cut + boot + joined(lines), []bool{false, true}},
		"last cut off":             {joined(lines) + boot + joined(lines) + boot + cut, []bool{true, true, false}},
		"second BEGIN lost":        {cut + boot + joined(lines[1:]), []bool{false, true}},
		"second BEGIN garbled":     {cut + boot + "#CD:BE\x07IN#\n" + joined(lines[1:]), []bool{false, true}},
		"END of a dump not there":  {"#CD:END#\n" + boot + cut, []bool{false}},
		"END twice":                {joined(lines) + boot + "#CD:END#\n" + boot + cut, []bool{true, false}},
		"END and next BEGIN lost":  {joined(lines[:n-1]) + boot + joined(lines[1:]), []bool{false, true}},
		"no markers at all":        {joined(lines[1:n-1]) + boot + joined(lines[1:n-1]), []bool{true, true}},
		"a dump that says nothing": {"#CD:BEGIN#\n#CD:END#\n" + boot + joined(lines), []bool{true}},
		"target gave up":           {joined(lines[:n-1]) + "E: #CD:ERROR CANNOT DUMP#\n#CD:END#\n", []bool{false}},
		"gave up, then a good one": {cut + "#CD:END#\nE: #CD:ERROR CANNOT DUMP#\n" + boot + joined(lines), []bool{true, true}},
	} {
		hits, cores := readLogs(t, textInput(test.text))
		var whole []bool
		for _, h := range hits {
			whole = append(whole, h.Whole)
		}
		if !slices.Equal(whole, test.whole) {
			t.Errorf("%s: whole %v, want %v", name, whole, test.whole)
			continue
		}
		for i, c := range cores {
			if c == nil {
				t.Errorf("%s: dump %d can't be read", name, i+1)
				continue
			}
			for _, lie := range lies(c, d) {
				t.Errorf("%s: dump %d: %s", name, i+1, lie)
			}
			if strings.Contains(name, "gave up") || !whole[i] {
				continue
			}
			if c.Damaged() {
				t.Errorf("%s: dump %d is damaged: %+v", name, i+1, c.Diagnostics)
			}
		}
	}
}

// TestTargetError: what the target managed to write is kept.
func TestTargetError(t *testing.T) {
	c := crash(t, "cortex-m3/div")
	d := c.Build(c.NativeBlock(), fixture.Min)
	lines := marked(d.Payloads())
	text := joined(lines[:len(lines)-20]) + "E: #CD:ERROR CANNOT DUMP#\nE: #CD:END#\n"
	hits, cores := readLogs(t, textInput(text))
	if len(hits) != 1 || hits[0].Whole || !slices.Contains(codesOf(cores[0]), "zephyr.target-error") {
		t.Fatalf("%+v %v", hits, codesOf(cores[0]))
	}
	for _, lie := range lies(cores[0], d) {
		t.Error(lie)
	}
}

// TestLocation: the in-memory backend tells where the dump is and prints none
// of it.
func TestLocation(t *testing.T) {
	const place = "E: #CD:LOCATION 0x20004f00\r\n"
	in := textInput("boot\r\n" + place + "E: #CD:BEGIN#\r\nE: #CD:END#\r\n")
	hits, err := find(in)
	if err != nil || len(hits) != 1 || hits[0].Whole {
		t.Fatalf("%+v, %v", hits, err)
	}
	if _, err = read(in, hits[0]); err == nil || !strings.Contains(err.Error(), "at 0x20004f00;") {
		t.Errorf("%v", err)
	}
	// "coredump print" shows it later.
	c := crash(t, "cortex-m3/div")
	d := c.Build(c.NativeBlock(), fixture.Min)
	mustMatch(t, textInput(place+string(d.Text(fixture.DressingOf("bare")))), d)
}

// TestNotADump: text that mentions the marker.
func TestNotADump(t *testing.T) {
	for _, text := range []string{
		"", "#CD:", "#CD:\n#CD:x\n", "grep '#CD:BEGIN#' crash.log\n", "#CD:END#", "#CD:BEGIN#\n#CD:END#\n", "#CD:ERROR CANNOT DUMP#\n#CD:END#\n",
		strings.Repeat("#CD:", 1000), "#CD:BEGIN# #CD:BEGIN#", "coredump header found",
	} {
		if hits, err := find(textInput(text)); err != nil || len(hits) > 0 {
			t.Errorf("%.40q: %+v, %v", text, hits, err)
		}
	}
}

// TestConsoleBefore: the 32 KiB of text before a dump are its console, back to
// the dump before.
func TestConsoleBefore(t *testing.T) {
	c := crash(t, "cortex-m3/div")
	d := c.Build(c.NativeBlock(), fixture.Min)
	dump := joined(marked(d.Payloads()))
	filler := strings.Repeat("<inf> app: all is well\n", 3000)
	begin := bytes.Index(c.Log, []byte("E: #CD:BEGIN#"))
	said := string(c.Log[:begin])
	_, cores := readLogs(t, textInput(filler+said+dump+filler+dump))
	if len(cores) != 2 {
		t.Fatalf("%d dumps", len(cores))
	}
	if n := len(cores[0].Attachment(attachConsole)); n == 0 || n > consoleBytes {
		t.Errorf("%d bytes of console text", n)
	}
	if text := cores[1].Attachment(attachConsole); text != nil {
		t.Errorf("the second dump has the text of the first: %.80q", text)
	}
	psp, _ := arch.CortexM.Reg("psp")
	if _, s := cores[0].Crashed().Regs.Get(psp); s != elfcore.Known {
		t.Errorf("psp is %v", s)
	}
	if _, s := cores[1].Crashed().Regs.Get(psp); s != elfcore.Missing {
		t.Errorf("psp of the second dump is %v", s)
	}
}

// TestLogReadError passes an error of the input on, with its name.
func TestLogReadError(t *testing.T) {
	c := crash(t, "cortex-m3/div")
	text := string(c.Log)
	in := textInput(text)
	hits, err := find(in)
	if err != nil || len(hits) != 1 {
		t.Fatal(hits, err)
	}
	in.ReaderAt = failing{in.ReaderAt, 300}
	if _, err := find(in); !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), "crash.log: offset") {
		t.Errorf("find: %v", err)
	}
	if _, err := read(in, hits[0]); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("read: %v", err)
	}
}

// hexLine is the marker line of some bytes.
func hexLine(p []byte) string { return fmt.Sprintf("%s%x\n", marker, p) }
