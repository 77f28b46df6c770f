package memfault

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// TestCortexM: every way in which the dump of a crash may come gives the same
// registers, memory and facts: those of the live target.
func TestCortexM(t *testing.T) {
	c := undef(t)
	v2, v1 := cortexM(c, 2), cortexM(c, 1)
	var all string
	for _, x := range []struct {
		name string
		data []byte
		text bool
	}{
		{"binary", v2, false},
		{"version 1", v1, false},
		{"in a flash image", slices.Concat(bytes.Repeat([]byte{0xff}, 1000), []byte("CORE\x00\x00\x00\x00"), v2, bytes.Repeat([]byte{0xff}, 5000)), false},
		{"chunks", []byte(sending{mtu: 80}.log(v2)), true},
		{"packed", []byte(sending{rle: true, mtu: 80}.log(v2)), true},
		{"with a project key", []byte(sending{rle: true, key: true, mtu: 80}.log(v2)), true},
		{"key over several chunks", []byte(sending{key: true, mtu: 9}.log(v2)), true},
		{"fixed size", []byte(sending{rle: true, mtu: 500, fill: true}.log(v2)), true},
		{"one chunk", []byte(sending{rle: true, mtu: 1 << 20}.log(v2)), true},
		{"of 2019", []byte(sending{rle: true, mtu: 80, old: true}.log(v1)), true},
		{"of 2019, one chunk", []byte(sending{mtu: 1 << 20, old: true}.log(v1)), true},
	} {
		t.Run(x.name, func(t *testing.T) {
			core, hit := one(t, x.data, x.text)
			if d := diagnostics(core); len(d) > 0 || !hit.Whole {
				t.Errorf("diagnostics %v, hit %+v", core.Diagnostics, hit)
			}
			if core.Arch != arch.CortexM || core.Crash.Thread != 0 || core.Threads[0].Kind != elfcore.Task {
				t.Errorf("%+v", core)
			}
			for name, v := range c.Crashed().Registers {
				state := "recovered"
				if name[0] == 'r' && name != "r0" && name != "r1" && name != "r2" && name != "r3" && name != "r12" {
					state = "known"
				}
				if got, want := value(core, 0, name), fmt.Sprintf("%s 0x%x", state, uint64(v)); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if value(core, 0, "cfsr") != "known 0x10000" || core.Crash.Fault.Value != arch.FaultIllegal || core.Crash.Addr.State != elfcore.Missing ||
				core.Crash.Message.Value != "Usage fault" || core.Crash.Reason.Value != 0x9300 {
				t.Errorf("cause: %+v", core.Crash)
			}
			if core.Program.BuildID != fmt.Sprintf("%x", buildID) || core.Program.Version != "1.2.3" || core.Program.Project != "app-fw" ||
				core.Facts["memfault.hardware-version"].Value != "evt" || core.Facts["memfault.device-serial"].Value != "DAABBCCDD" {
				t.Errorf("identity: %+v %+v", core.Program, core.Facts)
			}
			truncated := core.Facts[factTruncated]
			if old := bytes.HasPrefix(x.data, v1[:8]) || strings.Contains(x.name, "2019"); old && (truncated.State != elfcore.Missing || core.Explain(truncated.Why).Text != "not in this version") ||
				!old && truncated.Value != "no" {
				t.Errorf("truncated: %+v", truncated)
			}
			s := sum(t, core)
			if all == "" {
				all = s
			}
			if s != all {
				t.Errorf("memory:\n%swant\n%s", s, all)
			}
		})
	}
}

// TestGDB: a stock debugger shows the live target's registers and frames.
func TestGDB(t *testing.T) {
	c := undef(t)
	core, _ := one(t, []byte(sending{rle: true, mtu: 80}.log(cortexM(c, 2))), true)
	core.Program.BuildID = "" // the fixture has none
	var names []string
	for name := range c.Crashed().Registers {
		names = append(names, name)
	}
	shown := fixture.GDB(t, root, c.ELF, names, numbered(core).Write)
	for name, v := range c.Crashed().Registers {
		if got := shown.Threads[0].Registers[name]; got == nil || *got != v {
			t.Errorf("%s: gdb shows %v, the target had %#x", name, got, uint64(v))
		}
	}
	if got, want := shown.Threads[0].Frames, c.Crashed().Frames; len(got) != len(want) {
		t.Errorf("%d frames, want %d:\n%s", len(got), len(want), shown.Threads[0].BT)
	} else {
		for i := range want {
			if got[i].PC != want[i].PC || got[i].Function != want[i].Function {
				t.Errorf("frame %d: %+v, want %+v", i, got[i], want[i])
			}
		}
	}
	if !strings.Contains(shown.Text, "signal SIGILL") {
		t.Error(shown.Text)
	}
}

// TestFrames: size and alignment of the exception frame decide on sp.
func TestFrames(t *testing.T) {
	frame := words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000)
	aligned := words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000200)
	regs := func(exc uint32) blk {
		return blk{0, 0, words(0x20000100, 4, 5, 6, 7, 8, 9, 10, 11, exc)}
	}
	for _, x := range []struct {
		name   string
		exc    uint32
		memory blk
		sp, pc string
		kind   elfcore.ThreadKind
		diags  string
	}{
		{"basic", 0xfffffffd, blk{1, 0x20000100, frame}, "recovered 0x20000120", "recovered 0x200", elfcore.Task, "[]"},
		{"basic, aligned", 0xfffffffd, blk{1, 0x20000100, aligned}, "recovered 0x20000124", "recovered 0x200", elfcore.Task, "[]"},
		{"extended", 0xffffffed, blk{1, 0x20000100, frame}, "recovered 0x20000168", "recovered 0x200", elfcore.Task, "[]"},
		{"extended, aligned", 0xffffffe9, blk{1, 0x20000100, aligned}, "recovered 0x2000016c", "recovered 0x200", elfcore.Task, "[]"},
		{"in a handler", 0xfffffff1, blk{1, 0x20000100, frame}, "recovered 0x20000120", "recovered 0x200", elfcore.Interrupt, "[]"},
		{"frame not captured", 0xfffffffd, blk{1, 0x20000110, frame}, "suspect 0x20000120", "missing", elfcore.Task, "[warning memfault.frame-missing]"},
	} {
		core, _ := one(t, dumpOf(2, 0, regs(x.exc), blk{7, 0, words(40)}, x.memory), false)
		if sp, pc := value(core, 0, "sp"), value(core, 0, "pc"); sp != x.sp || pc != x.pc || core.Threads[0].Kind != x.kind || fmt.Sprint(diagnostics(core)) != x.diags {
			t.Errorf("%s: sp %s, pc %s, %v, %v", x.name, sp, pc, core.Threads[0].Kind, diagnostics(core))
		}
	}
}

// TestMachines: the other CPUs' blocks, with and without the machine type.
func TestMachines(t *testing.T) {
	list := func(n, size int) (b []byte) { // the i-th value is 0x100+i
		for i := range n {
			b = append(b, le.AppendUint64(nil, uint64(0x100+i))[:size]...)
		}
		return b
	}
	riscv := list(37, 4)
	copy(riscv[34*4:], words(7, 0xdead0000)) // mcause, mtval
	xtensa := list(25, 4)
	copy(xtensa, words(1, 0x40081234, 0x60f30))
	copy(xtensa[23*4:], words(29, 0x10))
	lx106 := slices.Clone(xtensa)
	lx106[0] = 2
	for _, x := range []struct {
		name    string
		machine uint32
		block   []byte
		arch    *arch.Arch
		want    string
		diags   string
	}{
		{"Cortex-A", 40, list(17, 4), arch.ARM, "r0 known 0x100, sp known 0x10d, pc known 0x10f, cpsr known 0x110", "[]"},
		{"Cortex-R", 1<<16 | 40, list(17, 4), arch.ARM, "r12 known 0x10c, lr known 0x10e", "[]"},
		{"AArch64", 183, list(34, 8), arch.AArch64, "sp known 0x100, pc known 0x101, cpsr known 0x102, x0 known 0x103, x30 known 0x121", "[]"},
		{"RISC-V", 243, riscv, arch.RV32, "pc known 0x100, ra known 0x101, t0 known 0x105, t6 known 0x10b, s0 known 0x10c, s11 known 0x117, a0 known 0x118, a7 known 0x11f, mstatus known 0x120, mcause known 0x7, mhartid known 0x124", "[]"},
		{"ESP32", 94, xtensa, arch.Xtensa, "pc known 0x40081234, ps recovered 0x60f20, a0 known 0x103, a15 known 0x112, sar known 0x113, lcount known 0x116, exccause known 0x1d, windowbase recovered 0x0, windowstart recovered 0x0", "[]"},
		{"ESP32-S3", 3<<16 | 94, xtensa, arch.Xtensa, "pc known 0x40081234", "[]"},
		{"ESP8266", 1<<16 | 94, lx106, arch.Xtensa, "pc missing, a0 missing", "[info memfault.unverified]"},
		{"unknown size", 40, list(20, 4), arch.CortexM, "r4 missing, pc missing", "[warning memfault.registers-unknown]"},
		{"Cortex-R, unknown size", 1<<16 | 40, list(20, 4), arch.ARM, "pc missing", "[warning memfault.registers-unknown]"},
		{"no machine type", 0, riscv, arch.RV32, "pc known 0x100", "[warning memfault.no-machine]"},
	} {
		blocks := []blk{{0, 0, x.block}, {7, 0, words(x.machine)}, {5, 0, words(0x8008)}}
		if x.machine == 0 {
			blocks = slices.Delete(blocks, 1, 2)
		}
		core, _ := one(t, dumpOf(2, 0, blocks...), false)
		if core.Arch != x.arch || fmt.Sprint(diagnostics(core)) != x.diags {
			t.Errorf("%s: %s, %v", x.name, core.Arch.Name, core.Diagnostics)
		}
		for _, w := range strings.Split(x.want, ", ") {
			name, want, _ := strings.Cut(w, " ")
			if got := value(core, 0, name); got != want {
				t.Errorf("%s: %s %s, want %s", x.name, name, got, want)
			}
		}
		if core.Crash.Fault.Value != arch.FaultAbort || core.Attachment("memfault.registers") == nil {
			t.Errorf("%s: %+v", x.name, core.Crash)
		}
		if err := numbered(core).Write(io.Discard); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// TestFaults: a fault of the CPU is judged by its registers, anything else by
// the reason, since these registers may be left from an older fault.
func TestFaults(t *testing.T) {
	regs := blk{0, 0, words(0x20000100, 4, 5, 6, 7, 8, 9, 10, 11, 0xfffffffd)}
	frame := blk{1, 0x20000100, words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000)}
	scb := blk{1, 0xe000ed24, words(0, 0x8200, 0, 0, 0x11, 0x50000000, 0)} // precise bus error
	for _, x := range []struct {
		reason uint32
		fault  arch.Fault
		addr   uint64
		text   string
	}{
		{0x9400, arch.FaultBus, 0x50000000, "Hard fault"},
		{0x8001, arch.FaultAbort, 0, "Assertion"},
		{0x800b, arch.FaultStack, 0, "Stack overflow"},
		{0xa001, arch.FaultUnknown, 0, "Reason 0xa001 of the application"},
		{0x7777, arch.FaultUnknown, 0, "Reason 0x7777"},
	} {
		core, _ := one(t, dumpOf(2, 0, regs, blk{7, 0, words(40)}, blk{5, 0, words(x.reason)}, scb, frame), false)
		if core.Crash.Fault.Value != x.fault || uint64(core.Crash.Addr.Value) != x.addr || core.Crash.Message.Value != x.text {
			t.Errorf("%#x: %+v", x.reason, core.Crash)
		}
	}
}

// TestSeveral: two CPUs, unknown blocks, raw ones, the target's truncation, two
// dumps in a log.
func TestSeveral(t *testing.T) {
	regs := func(n uint32) blk { return blk{0, 0, words(0x20000100, n, 5, 6, 7, 8, 9, 10, 11, 0xfffffffd)} }
	frame := blk{1, 0x20000100, words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000)}
	core, _ := one(t, dumpOf(2, 1, regs(1), regs(2), blk{7, 0, words(40)}, blk{9, 0, words(0x800, 5)}, blk{77, 0, []byte("new")}, frame), false)
	if want := "[info memfault.block-raw info memfault.block-unknown loss memfault.target-truncated warning memfault.cpus]"; fmt.Sprint(diagnostics(core)) != want {
		t.Errorf("%v", core.Diagnostics)
	}
	if len(core.Threads) != 2 || value(core, 0, "r4") != "known 0x1" || value(core, 1, "r4") != "known 0x2" || core.Threads[1].CPU.Value != 1 || core.Attachment("memfault.mpu") == nil {
		t.Errorf("%+v", core.Threads)
	}
	text := sending{mtu: 30}.log(dumpOf(2, 0, regs(1), blk{7, 0, words(40)}, frame)) + sending{mtu: 40, rle: true}.log(dumpOf(2, 0, regs(2), blk{7, 0, words(40)}, frame))
	in := input([]byte(text), true)
	hits, err := find(in)
	if err != nil || len(hits) != 2 {
		t.Fatal(hits, err)
	}
	for i, h := range hits {
		core, err := read(in, h)
		if err != nil || !h.Whole || core.Damaged() || value(core, 0, "r4") != fmt.Sprintf("known 0x%x", i+1) {
			t.Errorf("%d: %v %v", i, err, core)
		}
	}
}

// TestTruncated cuts dumps at every 16 bytes: what is left is right, and the
// loss is told.
func TestTruncated(t *testing.T) {
	c := undef(t)
	full := cortexM(c, 2)
	whole, _ := one(t, full, false)
	logs := map[string][]byte{"binary": full, "chunks": []byte(sending{mtu: 80}.log(full)), "packed": []byte(sending{mtu: 80, rle: true}.log(full))}
	for name, data := range logs {
		end := len(data)
		if name != "binary" { // an event follows the dump
			end = bytes.LastIndex(data, []byte("] <inf> mflt: MC:SJ")) // its first chunk
			if end < 0 {
				end = len(data) - 2000
			}
		}
		cores := 0
		for n := 16; n < end; n += 16 {
			in := input(data[:n], name != "binary")
			hits, err := find(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hits {
				core, err := read(in, h)
				if err != nil {
					continue
				}
				if cores++; !core.Damaged() && n < end-100 || h.Whole && n < end-100 {
					t.Errorf("%s cut at %d of %d: no loss reported", name, n, end)
				}
				agree(t, fmt.Sprintf("%s cut at %d", name, n), core, whole)
			}
		}
		if cores < end/20 {
			t.Errorf("%s: %d cores of %d", name, cores, end/16)
		}
	}
}

// agree: each register and byte that a damaged dump yields is that of the whole
// one.
func agree(t *testing.T, what string, got, want *elfcore.Core) {
	t.Helper()
	for i := range got.Threads {
		for n, r := range got.Arch.Regs {
			v, s := got.Threads[i].Regs.Get(arch.Reg(n))
			if w, _ := want.Threads[i].Regs.Get(arch.Reg(n)); s >= elfcore.Recovered && v != w {
				t.Errorf("%s: %s is 0x%x, want 0x%x", what, r.Name, v, w)
			}
		}
	}
	for r := range got.Memory.All() {
		p, q := make([]byte, r.Size), make([]byte, r.Size)
		if _, err := r.Data.ReadAt(p, 0); err != nil && err != io.EOF {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := want.Memory.Read(q, r.Addr); err != nil || r.State >= elfcore.Recovered && !bytes.Equal(p, q) {
			t.Errorf("%s: memory at %v differs: %v", what, r.Range, err)
		}
	}
}

// TestLostLines drops each line of the dump in turn, and flips a byte in it.
func TestLostLines(t *testing.T) {
	ram := noise(3000)
	copy(ram[0x100:], words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000))
	full := dumpOf(2, 0, blk{0, 0, words(0x20000100, 4, 5, 6, 7, 8, 9, 10, 11, 0xfffffffd)}, blk{7, 0, words(40)}, blk{1, 0x20000000, ram})
	whole, _ := one(t, full, false)
	for _, s := range []sending{{mtu: 80}, {mtu: 80, rle: true}, {mtu: 80, key: true}} {
		lines := strings.SplitAfter(s.log(full), "\r\n")
		var first, last int
		for i, l := range lines {
			if _, rest, ok := strings.Cut(l, "MC:"); ok && len(rest) > 20 {
				p, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, ":\r\n"))
				if c, ok := parseChunk(p); err == nil && ok && c.first {
					if isDump(c.data) {
						first = i
					} else {
						last = i
					}
				}
			}
		}
		for i := first; i < last; i++ {
			if !strings.Contains(lines[i], "MC:") {
				continue
			}
			dropped := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")
			at := strings.Index(lines[i], "MC:") + 7
			flipped := slices.Clone(lines)
			flipped[i] = lines[i][:at] + map[bool]string{true: "B", false: "A"}[lines[i][at] == 'A'] + lines[i][at+1:]
			cut := slices.Clone(lines)
			cut[i] = lines[i][:at] + "\r\n"
			for what, text := range map[string]string{"dropped": dropped, "flipped": strings.Join(flipped, ""), "cut": strings.Join(cut, "")} {
				in := input([]byte(text), true)
				hits, err := find(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hits {
					core, err := read(in, h)
					if err != nil {
						continue
					}
					if !core.Damaged() {
						t.Errorf("%+v, line %d %s: no loss reported", s, i, what)
					}
					if what != "flipped" {
						agree(t, fmt.Sprintf("%+v, line %d %s", s, i, what), core, whole)
					}
				}
				if len(hits) == 0 && i > first {
					t.Errorf("%+v, line %d %s: nothing found", s, i, what)
				}
			}
		}
	}
}

func TestNotOurs(t *testing.T) {
	for _, x := range []string{"", "CORE", "\x7fELFCORE\x00\x00\x00\x00", "CORE\x02\x00\x00\x00\x10\x00\x00\x00", "CORE dumped", "MC:", "MC::", "MC:AAAA:", "MC:!!!:", "SJMC:SAID:",
		"CORE\x02\x00\x00\x00\x40\x00\x00\x00\x63\x00\x00\x00aaaaaaaa"} {
		for _, text := range []bool{false, true} {
			if hits, err := find(input([]byte(x), text)); err != nil || len(hits) > 0 {
				t.Errorf("%q: %v %v", x, hits, err)
			}
		}
	}
}

// TestHostile: inputs that are all headers take time in proportion to their
// size, and a few bytes do not unpack to more than a bound.
func TestHostile(t *testing.T) {
	const size = 1 << 20
	head := func(total uint32) []byte { return words(0x45524f43, 2, total) }
	block := words(1, 0x20000000, 0)
	down := head(1 << 24)
	down = append(down, append(words(0), append(words(0), append(words(40), noise(40)...)...)...)...)
	for i := range 60000 {
		down = append(down, append(words(1, uint32(0x90000000-16*i), 4), 1, 2, 3, 4)...)
	}
	bomb := []byte{0x81}
	bomb = append(bomb, packed(dumpOf(2, 0, blk{0, 0, make([]byte, 40)}, blk{7, 0, words(40)}))...)
	bomb = append(bomb, bytes.Repeat([]byte{0xfe, 0xff, 0xff, 0xff, 0x0f, 'x'}, 100)...)
	bomb = append(append([]byte{1 << 3}, bomb...), le.AppendUint16(nil, xmodem(bomb))...)
	far := append([]byte{1<<6 | 1<<3}, uvarint(1<<31)...)
	far = append(far, 1)
	far = append(far, dumpOf(2, 0, blk{0, 0, make([]byte, 40)})[:30]...)
	mc := func(p ...[]byte) (text []byte) {
		for _, c := range p {
			text = append(text, "MC:"+base64.StdEncoding.EncodeToString(c)+":\n"...)
		}
		return text
	}
	for name, data := range map[string][]byte{
		"headers": bytes.Repeat(slices.Concat(head(1<<20), block), size/24),
		"blocks":  append(head(1<<20), bytes.Repeat(block, size/12)...),
		"down":    down,
		"bomb":    mc(bomb),
		"far":     mc(far, append(append([]byte{1 << 7}, uvarint(1<<30)...), "data"...), append(append([]byte{1<<7 | 1<<6}, uvarint(60<<20)...), "data"...)),
		"first":   bytes.Repeat(mc(far), size/100),
		"markers": bytes.Repeat([]byte("MC:"), size/3),
	} {
		start := time.Now()
		in := input(data, name == "bomb" || name == "far" || name == "first" || name == "markers")
		hits, err := find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits[:min(len(hits), 100)] { // each takes as long as one dump does
			if core, err := read(in, h); err == nil {
				numbered(core).Write(io.Discard)
			}
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: %v", name, d)
		} else {
			t.Log(name, len(hits), d)
		}
	}
}

// TestLayouts: the sizes of the register blocks are those of the SDK.
func TestLayouts(t *testing.T) {
	for i, want := range []int64{40, 68, 272, 148, 100} {
		if got := registerBlocks[i].size(); got != want {
			t.Errorf("%s: %d bytes, want %d", registerBlocks[i].arch.Name, got, want)
		}
	}
}

// TestFixtures: the committed dumps are what the builders make.
func TestFixtures(t *testing.T) {
	stack := noise(64)
	copy(stack, words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000))
	dump := dumpOf(2, 0, blk{0, 0, words(0x20000100, 4, 5, 6, 7, 8, 9, 10, 11, 0xfffffffd)}, blk{12, 0, buildID}, blk{10, 0, []byte("1.2.3")},
		blk{7, 0, words(40)}, blk{5, 0, words(0x8001)}, blk{1, 0x20000100, append(stack, make([]byte, 512)...)})
	golden(t, "cortex-m.bin", dump)
	golden(t, "chunks.log", []byte(sending{rle: true, mtu: 80}.log(dump)))
}

func FuzzRead(f *testing.F) {
	regs := blk{0, 0, words(0x20000100, 4, 5, 6, 7, 8, 9, 10, 11, 0xfffffffd)}
	frame := blk{1, 0x20000100, words(1, 2, 3, 4, 12, 0x101, 0x200, 0x01000000)}
	for _, version := range []uint32{1, 2} {
		dump := dumpOf(version, 0, regs, blk{12, 0, buildID}, blk{10, 0, []byte("1.2.3")}, blk{7, 0, words(40)}, blk{5, 0, words(0x8001)}, frame)
		f.Add(dump, false)
		f.Add([]byte(sending{mtu: 80}.log(dump)), true)
		f.Add([]byte(sending{mtu: 40, rle: true, key: true}.log(dump)), true)
		f.Add([]byte(sending{mtu: 400, old: true}.log(dump)), true)
	}
	f.Add(dumpOf(2, 1, blk{0, 0, make([]byte, 100)}, blk{1, 0xfffffff8, make([]byte, 32)}), false)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		in := input(data, text)
		hits, err := find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off < 0 || h.Len < 0 || h.Off+h.Len > in.Size {
				t.Fatalf("%+v of %d", h, in.Size)
			}
			if core, err := read(in, h); err == nil {
				if err := numbered(core).Write(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
