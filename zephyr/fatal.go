package zephyr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Many systems print what the fatal handler knows and dump nothing. Of such a
// crash the console has the registers, the reason and the thread; that makes a
// Core without memory.

// fatalMarker is on the line with the reason, behind those with the registers;
// bootMarker on the first line of a boot.
const (
	fatalMarker = "ZEPHYR FATAL ERROR"
	bootMarker  = "*** Booting"
)

// fatalScore is that of a hit without a dump: any dump is surer.
const fatalScore = 30

// What is looked at around the reason's line, in bytes. Before it are
// handlerLines of registers, behind it a line or two about the thread.
const (
	fatalBefore = 8 << 10
	fatalBehind = 2 << 10
)

// fatal is a line with a reason, and the part of the log that may be about the
// same crash: up to the crashes and boots around. Offsets are in bytes.
type fatal struct {
	off      int64
	from, to int64
	boot     int // which it was in its window
}

// findFatal finds the crashes that no dump tells of: it looks only outside of
// the dumps. A dump's console text then begins behind the last of them.
func findFatal(t *capture.Text, size int64, dumps []segment) (hits []format.Hit, err error) {
	scan, near := t.For(fatalMarker, bootMarker), t.For() // near counts lines up to a crash; scan is far ahead
	from, end := int64(0), int64(0)
	for i := range len(dumps) + 1 {
		dump := &segment{first: size, console: size} // none follows
		if i < len(dumps) {
			dump = &dumps[i]
		}
		list, err := fatals(scan, from, dump.first)
		if err != nil {
			return nil, err
		}
		for _, f := range withoutDump(list, dump.console) {
			f.from = max(f.from, end)
			h, ok, err := f.hit(near)
			if err != nil {
				return nil, err
			}
			if ok {
				hits, end = append(hits, h), h.Off+h.Len
				dump.console = max(dump.console, end)
			}
		}
		from = dump.end
	}
	return hits, nil
}

// fatals lists what a window holds.
func fatals(t *capture.Text, from, to int64) (list []fatal, err error) {
	boot := 0
	for line, err := range t.Scan(from, to) {
		if err != nil {
			return nil, err
		}
		if n := len(list); n > 0 {
			list[n-1].to = min(list[n-1].to, line.Off)
		}
		if line.Marker > 0 {
			boot++
			from = line.Off
			continue
		}
		list = append(list, fatal{line.Off, max(from, line.Off-fatalBefore), min(to, line.End+fatalBehind), boot})
		from = line.End
	}
	return list, nil
}

// withoutDump leaves out the crashes whose text the dump behind them uses: it
// is near, and no boot after the last of them had a crash.
//
// Folklore: a dump in flash is printed after the next boot, and the text of its
// crash stands before that. Test: TestFatalStored.
func withoutDump(list []fatal, console int64) []fatal {
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1].boot
	return slices.DeleteFunc(list, func(f fatal) bool { return f.off >= console && f.boot == last })
}

// hit makes a hit of a crash if there are registers with it.
func (f *fatal) hit(t *capture.Text) (h format.Hit, ok bool, err error) {
	w, err := readWindow(t, f.from, f.to)
	if err != nil {
		return h, false, err
	}
	k, cpu := w.fatal(nil)
	if k == nil {
		return h, false, nil
	}
	_, pc := k.registers[cpu.PC]
	return format.Hit{Off: f.from, Len: w.ends[bytes.Count(w.text[:k.end], []byte{'\n'})-1] - f.from, Score: fatalScore, Whole: pc, Text: true}, true, nil
}

// fatal is the last crash of a text that has a reason and registers, and its
// CPU; nil if there is none. hint is the CPU of the user's firmware, or nil.
func (w *window) fatal(hint *arch.Arch) (*consoleText, *arch.Arch) {
	end := bytes.LastIndex(w.text, []byte(fatalMarker))
	if end < 0 {
		return nil, nil
	}
	cpu := printedBy(lastLines(w.text[:end], handlerLines), hint)
	if cpu == nil {
		return nil, nil
	}
	for _, k := range slices.Backward(parseConsole(cpu, w.text, w.line)) {
		k.dropCut(cpu)
		if k.reason != nil && len(k.registers) > 0 {
			return &k, cpu
		}
	}
	return nil, nil
}

// lastLines is the end of a text, n whole lines of it and the part behind them.
func lastLines(text []byte, n int) []byte {
	at := len(text)
	for ; n >= 0 && at >= 0; n-- {
		at = bytes.LastIndexByte(text[:at], '\n')
	}
	return text[at+1:]
}

// freeWidth are the registers of which the handler leaves out leading zeros.
var freeWidth = map[string]bool{"bfar": true, "mmfar": true, "mtval": true, "mcause": true}

// dropCut drops registers that are shorter or longer than the handler prints
// them, and a thread without the name that should follow.
//
// Folklore: the line "r2/a3:  0x200000f0" is copied from a terminal of 80
// columns and ends with "0x2000". Test: TestFatalCut.
func (k *consoleText) dropCut(a *arch.Arch) {
	for r, s := range k.registers {
		if info := a.Regs[r]; info.Bits == 8*a.PtrSize() && s.digits != info.Bits/4 && !freeWidth[info.Name] {
			delete(k.registers, r)
		}
	}
	if k.name == "" {
		k.thread = nil
	}
}

// telltales are registers that tell the CPU by name and number of hexadecimal
// digits. The first that is there counts. Both ARM profiles print the same,
// but only M has an EXC_RETURN.
var telltales = []struct {
	name   string
	digits int
	cpu    *arch.Arch
}{
	{"exc_return", 8, arch.CortexM}, {"faulting instruction address (r15/pc)", 8, arch.ARM}, {"r0/a1", 8, arch.ARM},
	{"mepc", 16, arch.RV64}, {"ra", 16, arch.RV64}, {"mepc", 8, arch.RV32}, {"ra", 8, arch.RV32},
	{"elr_eln", 16, arch.AArch64}, {"x0", 16, arch.AArch64},
	{"rip", 16, arch.AMD64}, {"rax", 16, arch.AMD64}, {"eip", 8, arch.I386}, {"eax", 8, arch.I386},
}

// printedBy tells the CPU from the handler's lines, nil if they do not.
func printedBy(text []byte, hint *arch.Arch) *arch.Arch {
	values := map[string]string{}
	for line := range bytes.Lines(text) {
		for name, value := range capture.Pairs(bytes.TrimRight(line, "\n")) {
			values[strings.ToLower(name)] = strings.TrimPrefix(value, "0x")
		}
	}
	for _, t := range telltales {
		switch {
		case len(values[t.name]) != t.digits:
		case t.cpu == arch.ARM && (hint == arch.ARM || hint == arch.CortexM):
			return hint
		case t.cpu == arch.ARM && !isCPSR(values["xpsr"]):
			return arch.CortexM
		default:
			return t.cpu
		}
	}
	return nil
}

// isCPSR tells the status of an A or R profile from that of an M profile. The
// former has a mode, with bit 4 set, and none of Jazelle, bit 24. The latter has
// Thumb state there, but for a jump to an even address; its low bits, the
// exception's number, are 0 in threads.
func isCPSR(xpsr string) bool {
	v, ok := hexValue(xpsr)
	return ok && v&xpsrThumb == 0 && v&0x10 != 0
}

// readFatal makes a Core of a crash's text.
func readFatal(in format.Input, h format.Hit) (*elfcore.Core, error) {
	w, err := readWindow(capture.NewText(in, fatalMarker, bootMarker), h.Off, h.Off+h.Len)
	if err != nil {
		return nil, err
	}
	k, cpu := w.fatal(in.CPU)
	if k == nil {
		return nil, fmt.Errorf("%s: no registers in the fatal handler's text at offset 0x%x", in.Name, h.Off)
	}
	c := elfcore.New(Name, cpu, binary.LittleEndian)
	at := elfcore.Pos{Line: w.line, Off: h.Off}
	k.add(c, w.text[max(0, k.end-elfcore.MaxAttachment):k.end], at)
	c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "zephyr.text-only", At: elfcore.Pos{Line: k.printed.line, Off: -1},
		Found: "the fatal handler's text and no dump", Done: "there are registers, and no memory"})
	return c, nil
}

// instead gives the Core of the text that stands before a dump of which nothing
// can be saved; the dump's own error if there is none.
func instead(in format.Input, h format.Hit, lost error) (*elfcore.Core, error) {
	c, err := readFatal(in, h)
	if err != nil {
		return nil, lost
	}
	severity := elfcore.Loss
	if errors.As(lost, new(*inMemoryError)) {
		severity = elfcore.Warning
	}
	c.Report(elfcore.Diagnostic{Severity: severity, Code: "zephyr.no-dump", At: elfcore.Pos{Off: h.Off}, Found: lost.Error()})
	return c, nil
}
