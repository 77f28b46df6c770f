package espcore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// honest fails if c claims to know something that the whole dump does not say.
func honest(t *testing.T, what string, c, whole *elfcore.Core) {
	t.Helper()
	for i := range c.Threads {
		th := &c.Threads[i]
		var same *elfcore.Thread
		for k := range whole.Threads {
			if whole.Threads[k].Control.Value == th.Control.Value {
				same = &whole.Threads[k]
			}
		}
		if same == nil {
			if th.Control.State == elfcore.Known {
				t.Errorf("%s: thread %v was never there", what, th.Control.Value)
			}
			continue
		}
		for n, r := range c.Arch.Regs {
			v, state := th.Regs.Get(arch.Reg(n))
			if want, _ := same.Regs.Get(arch.Reg(n)); state >= elfcore.Recovered && v != want {
				t.Errorf("%s: %v: %s is %#x, %v; want %#x", what, th.Control.Value, r.Name, v, state, want)
			}
		}
	}
	for r := range c.Memory.All() {
		have, want := make([]byte, r.Size), make([]byte, r.Size)
		r.Data.ReadAt(have, 0)
		if _, err := whole.Memory.Read(want, r.Addr); r.State == elfcore.Known && (err != nil || !bytes.Equal(have, want)) {
			t.Errorf("%s: memory %v differs (%v)", what, r.Range, err)
		}
	}
	if t := c.Crashed(); t != nil && t.Control.State == elfcore.Known && t.Control.Value != whole.Crashed().Control.Value {
		panic(fmt.Sprintf("%s: %v crashed", what, t.Control.Value))
	}
}

// TestBadChecksum: a wrong bit marks the result and stops nothing.
func TestBadChecksum(t *testing.T) {
	for _, r := range reals(t) {
		want := describe(t, core(t, r.image))
		for _, v := range elfVersions[:5] {
			image := r.elf(v, true)
			image[len(image)-1] ^= 1
			c := core(t, inPartition(image))
			if got := describe(t, c); got != want || !slices.Equal(codes(c), []string{"esp.checksum"}) || !c.Damaged() {
				t.Errorf("%s, %04x: %v\n%s", r.name, v.low, c.Diagnostics, got)
			}
		}
		text := logOf(base64Lines(r.image, r.writes(24, len(r.image))))
		at := strings.Index(text, "f0VMRg") + 3000
		for !isBase64(text[at]) || text[at] == '=' {
			at++
		}
		flip := map[bool]string{true: "B", false: "A"}[text[at] == 'A']
		if c := core(t, []byte(text[:at]+flip+text[at+1:])); !c.Damaged() || len(c.Threads) != len(r.tasks) {
			t.Errorf("%s: a wrong character: %v", r.name, c.Diagnostics)
		}
	}
}

// TestTruncated cuts images at every 64 bytes.
func TestTruncated(t *testing.T) {
	for _, r := range reals(t) {
		whole := core(t, r.image)
		for name, image := range map[string][]byte{"ELF": r.image, "SHA": r.elf(elfVersions[4], true), "BIN": r.bin(binVersions[2], false), "0.1": r.bin(binVersions[0], false), "bare": r.body} {
			for n := 0; n < len(image); n += 64 {
				in := open(t, image[:n])
				hits, err := Format.Find(in)
				if err != nil {
					t.Fatal(err)
				}
				if least := map[string]int{"bare": 1152}[name] + 128; len(hits) == 0 && n >= least {
					t.Errorf("%s, %s: nothing found in %d bytes", r.name, name, n)
				}
				for _, h := range hits {
					c, err := Format.Read(in, h)
					if err != nil {
						continue
					}
					if !c.Damaged() || h.Whole && name != "bare" {
						t.Errorf("%s, %s: %d bytes pass for a whole dump: %v %v", r.name, name, n, h, c.Diagnostics)
					}
					honest(t, fmt.Sprintf("%s, %s, %d bytes", r.name, name, n), c, whole)
				}
			}
		}
	}
}

// TestLostLines loses lines of a log: one, half of them, a run, the end.
func TestLostLines(t *testing.T) {
	for _, r := range reals(t) {
		whole := core(t, r.image)
		all := base64Lines(r.image, r.writes(24, len(r.image)))
		try := func(what string, keep func(i int) bool, text func([]string) string) *elfcore.Core {
			t.Helper()
			var lines []string
			for i, l := range all {
				if keep(i) {
					lines = append(lines, l)
				}
			}
			in := open(t, []byte(text(lines)))
			hits, err := Format.Find(in)
			if err != nil {
				t.Fatal(err)
			}
			if len(hits) != 1 {
				return nil
			}
			c, err := Format.Read(in, hits[0])
			if err != nil {
				return nil
			}
			what = r.name + ", " + what
			if !c.Damaged() {
				t.Errorf("%s: no damage reported", what)
			}
			honest(t, what, c, whole)
			return c
		}
		noMarkers := func(l []string) string { return strings.Join(l, "\n") + "\n" }
		for k := range all {
			c := try(fmt.Sprintf("line %d lost", k+1), func(i int) bool { return i != k }, logOf)
			switch {
			case c == nil:
				if k > 1 {
					t.Errorf("%s: without line %d nothing is left", r.name, k+1)
				}
			case k > 1 && len(c.Threads) < len(r.tasks)-1:
				t.Errorf("%s: without line %d %d threads are left", r.name, k+1, len(c.Threads))
			}
			try(fmt.Sprintf("line %d lost, no markers", k+1), func(i int) bool { return i != k }, noMarkers)
			try(fmt.Sprintf("all from line %d on lost", k+1), func(i int) bool { return i < k }, logOf)
			try(fmt.Sprintf("cut off before line %d", k+1), func(i int) bool { return i < k }, func(l []string) string { return startLine + "\n" + strings.Join(l, "\n") })
			try(fmt.Sprintf("ten lines from %d on lost", k+1), func(i int) bool { return i < k || i >= k+10 }, logOf)
		}
		for _, odd := range []int{0, 1} {
			try(fmt.Sprintf("half, %d", odd), func(i int) bool { return i%2 == odd }, logOf)
		}
		c := try("half, headers kept", func(i int) bool { return i < 3+int(u16(r.body, 44)) || i%2 == 0 }, logOf)
		if c == nil || len(c.Threads) == 0 {
			t.Errorf("%s: nothing left of half the lines", r.name)
		}
		// A lost line in a stack costs that stack's certainty only.
		known := 0
		for region := range try("line in the last stack", func(i int) bool { return i != len(all)-12 }, logOf).Memory.All() {
			if region.State == elfcore.Known {
				known++
			}
		}
		if known < 2*len(r.tasks)-1 {
			t.Errorf("%s: %d regions are known", r.name, known)
		}
		lost := strings.Replace(logOf(all), all[20], all[20][:len(all[20])-3], 1)
		if c := core(t, []byte(lost)); !c.Damaged() || !slices.Contains(codes(c), "esp.damaged-lines") {
			t.Errorf("%s: lost characters: %v", r.name, c.Diagnostics)
		}
	}
}

// TestMuted: idf.py monitor swallows the dump.
func TestMuted(t *testing.T) {
	in := open(t, []byte("boot\n"+startLine+"\nCore dump started (further output muted)\n"+endLine+"\n"))
	hits, _ := Format.Find(in)
	if len(hits) != 1 {
		t.Fatal(hits)
	}
	if _, err := Format.Read(in, hits[0]); err == nil || !strings.Contains(err.Error(), "muted") {
		t.Error(err)
	}
}

// TestHexAsRaw: hex text is unwrapped; with foreign characters it is no dump.
func TestHexAsRaw(t *testing.T) {
	r := readReal(t, "esp32")
	if c := core(t, []byte(hex.EncodeToString(r.image))); c.Damaged() {
		t.Error(c.Diagnostics)
	}
	if hits, err := Format.Find(open(t, []byte("dump: "+hex.EncodeToString(r.image)))); len(hits) > 0 || err != nil {
		t.Error(hits, err)
	}
}

// patch changes words of a copy of an ELF body's image, by their offset in the
// body, and leaves the checksum wrong.
func (r *real) patch(words map[int]uint32) []byte {
	image := bytes.Clone(r.image)
	for at, v := range words {
		binary.LittleEndian.PutUint32(image[24+at:], v)
	}
	return image
}

// find is where a run of bytes stands in the body.
func (r *real) find(t *testing.T, what []byte) int {
	t.Helper()
	at := bytes.Index(r.body, what)
	if at < 0 {
		t.Fatalf("no %q", what)
	}
	return at
}

// TestXtensaFixes: what firmware and vendor's tool do to registers.
func TestXtensaFixes(t *testing.T) {
	r := readReal(t, "esp32")
	second := r.find(t, le(0x40082758, 0x40083ff2))
	status := r.find(t, le(0x4008110d, 0x60820)) // registers of the first note
	get := func(c *elfcore.Core, thread int, name string) (uint64, elfcore.State) {
		n, _ := c.Arch.Reg(name)
		return c.Threads[thread].Regs.Get(n)
	}
	// PS.EXCM in the note, as firmware that does not clear it writes it.
	c := core(t, r.patch(map[int]uint32{status + 4: 0x60830}))
	if ps, state := get(c, 0, "ps"); ps != 0x60820 || state != elfcore.Recovered {
		t.Errorf("ps %#x %v", ps, state)
	}
	if wb, state := get(c, 0, "windowbase"); wb != 0 || state != elfcore.Recovered {
		t.Errorf("windowbase %#x %v", wb, state)
	}
	if _, state := get(c, 0, "threadptr"); state != elfcore.Missing {
		t.Errorf("threadptr %v", state)
	}
	// Without UM it stays: the task was in an exception.
	c = core(t, r.patch(map[int]uint32{status + 4: 0x60810}))
	if ps, state := get(c, 0, "ps"); ps != 0x60810 || state != elfcore.Known {
		t.Errorf("ps %#x %v", ps, state)
	}
	// The third task as a solicited frame: the note has pc and a0 cut to 30 bits.
	words := map[int]uint32{second: 0, second + 4: 0x80083ff2, second + 8: 0x60020, second + 12: 0x1234,
		second + 16: 0x800d1e42, second + 20: 0x3ffb5c30, second + 24: 7, second + 28: 8}
	note := r.find(t, le(0x40083ff2, 0x60020))
	for i := range 128 {
		words[note+4*i] = 0
	}
	words[note], words[note+4], words[note+256], words[note+260], words[note+264], words[note+268] = 0x83ff2, 0x60020, 0xd1e42, 0x3ffb5c30, 7, 8
	c = core(t, r.patch(words))
	for name, want := range map[string]uint64{"pc": 0x40083ff2, "a0": 0x800d1e42, "a1": 0x3ffb5c30, "a2": 7, "a3": 8, "ps": 0x60020} {
		if v, state := get(c, 2, name); v != want || state < elfcore.Recovered {
			t.Errorf("solicited: %s %#x %v", name, v, state)
		}
	}
	for _, name := range []string{"a4", "a15", "sar", "lbeg"} {
		if _, state := get(c, 2, name); state != elfcore.Missing {
			t.Errorf("solicited: %s is %v", name, state)
		}
	}
	// Without its stack nothing but the note is left.
	words[second+20] = 0
	c = core(t, r.patch(words))
	if v, state := get(c, 2, "a0"); v != 0x400d1e42 || state != elfcore.Recovered {
		t.Errorf("a0 of the note %#x %v", v, state)
	}
}

// TestBrokenTask: a made-up stack is no memory, its registers are nobody's.
func TestBrokenTask(t *testing.T) {
	for _, r := range reals(t) {
		tasks := slices.Clone(r.tasks)
		fake := bytes.Clone(tasks[1].stackBytes)
		copy(fake, le(0x20000000, 0x20000000))
		r.tasks[1].stack, r.tasks[1].stackBytes = 0x20000000, fake
		c := core(t, r.bin(binVersions[2], false))
		_, there := c.Memory.At(0x20000000)
		pc, state := c.Threads[1].Regs.PC()
		if there || state != elfcore.Missing || c.Threads[1].Control.Value != elfcore.Addr(tasks[1].tcb) || !slices.Contains(codes(c), "esp.broken-task") {
			t.Errorf("%s: %v %#x %v %v", r.name, there, pc, state, codes(c))
		}
	}
	s31 := chipByID(32)
	if s31.isFake(0x2f000010) || !s31.isFake(0x20000000) || !chipByID(5).isFake(0x2f000010) {
		t.Error("the DRAM of ESP32-S31 is real")
	}
}

// TestInterrupt: the frame is the interrupt's; the task's own is where its TCB
// says.
func TestInterrupt(t *testing.T) {
	r := readReal(t, "esp32c3")
	extra := r.find(t, append(le(16, 8, 677), "ESP_EXTRA_INFO"...)) + 28
	tcb := r.find(t, r.tasks[0].tcbBytes)
	// The crashed task's saved stack pointer points at the frame of the second.
	c := core(t, r.patch(map[int]uint32{extra + 4: 1, tcb: r.tasks[1].stack}))
	if len(c.Threads) != 4 || c.Crash.Thread != 0 || c.Facts[factISR].Value != "yes" {
		t.Fatalf("%d threads, %+v", len(c.Threads), c.Crash)
	}
	isr, task := &c.Threads[0], &c.Threads[1]
	pc, _ := isr.Regs.PC()
	own, state := task.Regs.PC()
	if isr.Kind != elfcore.Interrupt || isr.Control.State != elfcore.Missing || pc != 0x40380698 ||
		task.Kind != elfcore.Task || own != 0x4038407c || state != elfcore.Known || task.Control.Value != elfcore.Addr(r.tasks[0].tcb) {
		t.Errorf("%+v %#x %+v %#x", isr.Kind, pc, task.Control, own)
	}
	// Its frame is not in the dump.
	c = core(t, r.patch(map[int]uint32{extra + 4: 1, tcb: 0x3fc81234}))
	if _, state := c.Threads[1].Regs.PC(); len(c.Threads) != 4 || state != elfcore.Missing || !slices.Contains(codes(c), "esp.interrupted") {
		t.Errorf("%v %v", state, codes(c))
	}
	// The crashed task was skipped.
	c = core(t, r.patch(map[int]uint32{extra: 0xdeadbeef}))
	if c.Crashed() != nil || !slices.Contains(codes(c), "esp.crashed-skipped") {
		t.Errorf("%+v %v", c.Crash, codes(c))
	}
}

// TestLeftOverNames: the padding of names is not part of them, and a name may
// lack its end.
func TestLeftOverNames(t *testing.T) {
	r := readReal(t, "esp32c3")
	at := r.find(t, []byte("ESP_EXTRA_INFO\x00\x00"))
	for _, rest := range []string{"\x00O", "FO", "XX"} {
		image := bytes.Clone(r.image)
		copy(image[24+at+14:], rest)
		c := core(t, image)
		if c.Facts[factISR].Value != "no" || c.Crashed() == nil {
			t.Errorf("%q: %+v", rest, c.Facts[factISR])
		}
	}
}

// TestCauses: the panic handler's interrupts and causes.
func TestCauses(t *testing.T) {
	for n, want := range map[uint64]arch.Fault{24: arch.FaultWatchdog, 24 | 1<<12: arch.FaultWatchdog, 27: arch.FaultStack, 26: arch.FaultAccess} {
		if c := riscvCauseOf(n); c.fault != want {
			t.Errorf("mcause %d: %v", n, c)
		}
	}
	for n, want := range map[uint64]string{28: "LoadProhibited", 69: "Interrupt wdt timeout on CPU0", 71: "Cache error", 0xffff: "", 64 + 20: ""} {
		if c := xtensaCauseOf(n); c.name != want {
			t.Errorf("exccause %d: %v", n, c)
		}
	}
	r := readReal(t, "esp32")
	extra := r.find(t, append(le(16, 152, 677), "ESP_EXTRA_INFO"...)) + 28
	details := r.find(t, []byte("ESP_PANIC_DETAILS"))
	for cause, want := range map[uint32]arch.Fault{28: arch.FaultAccess, 69: arch.FaultWatchdog, 0: arch.FaultIllegal, 6: arch.FaultDivide, 65: arch.FaultBreakpoint} {
		c := core(t, r.patch(map[int]uint32{extra + 8: cause, extra + 16: 0x1234, details: 0x58585858}))
		if c.Crash.Fault.Value != want || c.Crash.Reason.Value != uint64(cause) || (c.Crash.Addr.State == elfcore.Known) != (cause == 28) {
			t.Errorf("exccause %d: %+v", cause, c.Crash)
		}
	}
}
