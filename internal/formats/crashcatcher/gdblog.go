package crashcatcher

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// CrashDebug, CrashCatcher's reader, also takes the log of a GDB session in
// which somebody printed memory by "x/4wx" in a loop and then "info
// all-registers" (libCrashDebug/tests/GdbLogParserTest.cpp).

// gdbMarkers are lines of registers, each of which such a log must have. GDB
// pads names to 15 columns.
var gdbMarkers = []string{"r12            0x", "sp             0x", "pc             0x", "xpsr           0x", "xPSR           0x"}

// The last two markers are the same register, as old and new GDB name it.
const oldXPSR, newXPSR = 3, 4

// Scores of a console's dump and of a session's log, by which a hit is known.
const scoreConsole, scoreGDB = 80, 40

// findGDBLog: a log is one dump.
func findGDBLog(in format.Input) ([]format.Hit, error) {
	seen := make([]bool, len(gdbMarkers))
	for line, err := range capture.NewText(in, gdbMarkers...).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		if line.At == 0 {
			seen[line.Marker] = true
		}
	}
	for i, s := range seen {
		if !s && i < oldXPSR || i == oldXPSR && !s && !seen[newXPSR] {
			return nil, nil
		}
	}
	return []format.Hit{{Len: in.Size, Score: scoreGDB, Whole: true, Text: true}}, nil
}

// readGDBLog reads the lines in their order; what is printed again counts.
func readGDBLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	c := elfcore.New(Name, arch.CortexM, binary.LittleEndian)
	c.Facts["crashcatcher.version"] = elfcore.Fact[string]{Why: c.Because("crashcatcher.gdb-log", "not in this version: the log of a GDB session", elfcore.Pos{Line: 1})}
	b := &builder{core: c, version: 2, regs: elfcore.NewRegisters(c.Arch)}
	var words []byte // of lines that follow each other, from addr on
	var addr uint64
	var at elfcore.Pos
	regions := 0
	flush := func() {
		if len(words) > 0 && regions < maxRegions {
			b.region(elfcore.Region{Range: elfcore.Range{Addr: elfcore.Addr(addr), Size: uint64(len(words))}, State: elfcore.Known, Data: bytes.NewReader(words)}, at)
		} else if len(words) > 0 {
			b.report(elfcore.Loss, "region", at, fmt.Sprintf("region %d", regions+1), fmt.Sprintf("at most %d", maxRegions), "left out")
		}
		regions, words = regions+1, nil
	}
	for line, err := range capture.NewText(in).Lines(h.Off, h.Off+h.Len) {
		if err != nil {
			return nil, err
		}
		text := string(line.Text)
		pos := elfcore.Pos{Line: line.Number, Off: line.Off}
		if start, more, ok := memoryLine(text); ok {
			if start != addr+uint64(len(words)) || len(words) == 0 {
				flush()
				addr, at = start, pos
			}
			words = append(words, more...)
			continue
		}
		b.gdbRegister(text, pos)
	}
	flush()
	return b.finish(elfcore.Pos{Line: 1}, false), nil
}

// memoryLine reads "0x20000000 <symbol>:" and up to four words, each perhaps
// with a symbol behind it.
func memoryLine(text string) (addr uint64, words []byte, ok bool) {
	head, rest, ok := strings.Cut(text, ":\t")
	head, _, _ = strings.Cut(head, " ")
	if !ok || len(head) < 3 || head[:2] != "0x" {
		return 0, nil, false
	}
	addr, err := strconv.ParseUint(head[2:], 16, 32)
	if err != nil {
		return 0, nil, false
	}
	for _, field := range strings.Split(rest, "\t") {
		digits, found := strings.CutPrefix(field, "0x")
		if !found || len(digits) < 8 || len(digits) > 8 && digits[8] != ' ' && digits[8] != '<' || addr+uint64(len(words))+4 > 1<<32 {
			break
		}
		v, err := strconv.ParseUint(digits[:8], 16, 32)
		if err != nil {
			break
		}
		words = binary.LittleEndian.AppendUint32(words, uint32(v))
	}
	return addr, words, len(words) > 0
}

// gdbRegister reads a line of "info all-registers": a name, then the value in
// hexadecimal; for floating point registers in parentheses at the end.
func (b *builder) gdbRegister(text string, at elfcore.Pos) {
	word := strings.Fields(text)
	if len(word) < 2 {
		return
	}
	name := strings.ToLower(word[0])
	if raw := strings.Index(text, "(raw 0x"); raw >= 0 {
		word[1], _, _ = strings.Cut(text[raw+len("(raw "):], ")")
	}
	digits, ok := strings.CutPrefix(word[1], "0x")
	n, known := b.core.Arch.Reg(name)
	v, err := strconv.ParseUint(digits, 16, 64)
	if !ok || !known || err != nil || b.core.Arch.Regs[n].Bits < 64 && v >= 1<<32 {
		return
	}
	b.regs.Set(n, v, elfcore.Known, b.core.Because("crashcatcher.registers", "printed by GDB", at))
}
