package nuttx

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"corelift/elfcore/arch"
	"corelift/internal/capture"
)

// assertText is what an assertion prints, and the exception before it.
type assertText struct {
	message   string // the line of the assertion
	name      string // of the task
	pid       int32  // -1 unknown
	process   string
	version   string
	registers map[string]value // of the crashed task, by the names printed
	faults    map[string]value // fault registers, by our names
	stacks    []stackWords
	base      uint64 // of the stack whose words follow, and its size; 0 unknown
	size      uint64

	number int   // of the assertion's line
	off    int64 // of that line
	end    int64 // behind the last line that was used
	closed bool  // the crashed task's registers are complete: others follow
}

// value is a number as it was printed.
type value struct {
	number uint64
	digits int
}

// stackWords is one line of a stack dump.
type stackWords struct {
	addr  uint64
	data  []byte
	limit uint64 // end of the stack, 0 unknown
	size  int    // of a word, in bytes
}

// faultNames are the fault registers that exception handlers print.
var faultNames = map[string]string{
	"MCAUSE": "mcause", "MTVAL": "mtval",
	"CFSR": "cfsr", "CFAULTS": "cfsr", "HFSR": "hfsr", "HFAULTS": "hfsr", "BFAR": "bfar", "BFAULTADDR": "bfar", "MMFAR": "mmfar",
	"ESR_ELN": "esr", "FAR_ELN": "far",
	"DFSR": "dfsr", "DFAR": "dfar", "IFSR": "ifsr", "IFAR": "ifar",
}

// registerNames are the names of *_registerdump.c in upper case where they
// differ from ours in more than case.
var registerNames = map[*arch.Arch]map[string]string{
	arch.CortexM: {"SB": "r9", "SL": "r10", "IP": "r12"},
	arch.ARM:     {"SB": "r9", "SL": "r10", "IP": "r12"},
	arch.RV32:    {"EPC": "pc", "FP": "s0"},
	arch.RV64:    {"EPC": "pc", "FP": "s0"},
	arch.AArch64: {"ELR": "pc", "SPSR": "cpsr", "SP_ELX": "sp"},
	arch.Xtensa:  {"LCNT": "lcount", "SCOM": "scompare1", "CAUSE": "exccause", "VADDR": "excvaddr"},
}

// telltales are registers by whose names, and number of digits, the CPU is
// known; the first that fits counts.
var telltales = []struct {
	name   string
	digits int // 0 any
	arch   *arch.Arch
}{
	{"EPC", 16, arch.RV64}, {"EPC", 8, arch.RV32}, {"X30", 0, arch.AArch64}, {"PS", 0, arch.Xtensa},
	{"XPSR", 0, arch.CortexM}, {"CPSR", 0, arch.ARM}, {"SL", 0, arch.CortexM},
}

// readAssert reads the text of a window.
func readAssert(t *capture.Text, from, to int64) (a assertText, err error) {
	a.pid = -1
	for line, err := range t.Lines(from, to) {
		if err != nil {
			return a, err
		}
		if line.Marker >= 0 && markers[line.Marker] == startMarker {
			break
		}
		if a.line(capture.AppendPlain(nil, line.Text)) {
			if a.end = line.End; a.number == 0 {
				a.number, a.off = line.Number, line.Off
			}
		}
	}
	return a, nil
}

// line reads one line, without colours; false if it is of no use.
func (a *assertText) line(text []byte) bool {
	if i := bytes.Index(text, []byte(assertMarker)); i >= 0 && bytes.Contains(text[i:], assertWords) {
		*a = assertText{pid: -1, version: a.version, faults: a.faults, number: a.number, off: a.off}
		a.message = string(bytes.TrimSpace(text[i:]))
		a.task(text[:i])
		a.names()
		return true
	}
	if _, version, ok := bytes.Cut(text, []byte("Current Version: ")); ok {
		a.version = strings.Join(strings.Fields(string(version)), " ")
		return true
	}
	if bytes.Contains(text, []byte("Dump CPU")) || bytes.Contains(text, []byte("PID GROUP")) {
		a.closed = true // registers of other CPUs and tasks follow
		return false
	}
	if _, rest, ok := bytes.Cut(text, []byte("backtrace|")); ok && a.pid < 0 && !a.closed {
		number, _, _ := bytes.Cut(rest, []byte(":"))
		if pid, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 32); err == nil {
			a.pid = int32(pid)
		}
		a.closed = true
		return true
	}
	return a.stack(text) || a.pairs(text)
}

// pairs reads the registers of a line.
func (a *assertText) pairs(text []byte) (used bool) {
	for name, word := range capture.Pairs(text) {
		v, ok := number(word, 16)
		if !ok {
			continue
		}
		name = name[strings.LastIndexByte(name, ' ')+1:] // "Load access fault. MCAUSE"
		upper := strings.ToUpper(name)
		switch fault := faultNames[upper]; {
		case name == "base":
			a.base, a.size = v.number, 0
		case name == "size":
			if v, ok := number(word, 10); ok {
				a.size = v.number
			}
		case name == "sp": // that of the stack; registers are in upper case
		case fault != "":
			put(&a.faults, fault, v)
		case a.closed || !isRegister(upper):
			continue
		default:
			if _, have := a.registers[upper]; !have { // those of other tasks follow
				put(&a.registers, upper, v)
			}
		}
		used = true
	}
	return used
}

func put(m *map[string]value, name string, v value) {
	if *m == nil {
		*m = map[string]value{}
	}
	(*m)[name] = v
}

// number reads a number of up to 64 bits, with or without 0x.
func number(word string, base int) (value, bool) {
	word = strings.TrimPrefix(word, "0x")
	n, err := strconv.ParseUint(word, base, 64)
	return value{n, len(word)}, err == nil
}

// isRegister tells whether any CPU has a register of that name.
func isRegister(upper string) bool {
	for a, names := range registerNames {
		if _, ok := names[upper]; ok {
			return true
		}
		if _, ok := a.Reg(strings.ToLower(upper)); ok {
			return true
		}
	}
	return upper == "FP"
}

// maxWords bounds the words of a line of a stack dump; the target prints 8.
const maxWords = 32

// stack reads "0x2007db80: 00000000 0800eef9 ...", words of 4 or 8 bytes.
func (a *assertText) stack(text []byte) bool {
	i := bytes.LastIndex(text, []byte(": "))
	if i < 0 {
		return false
	}
	head, fields := text[:i], bytes.Fields(text[i+2:])
	if len(fields) == 0 || len(fields) > maxWords || len(fields[0]) != 8 && len(fields[0]) != 16 {
		return false
	}
	addr := head[bytes.LastIndexByte(head, ' ')+1:]
	from, ok := number(string(addr), 16)
	if !ok || !bytes.HasPrefix(addr, []byte("0x")) {
		return false
	}
	s := stackWords{addr: from.number, size: len(fields[0]) / 2}
	for _, f := range fields {
		v, ok := number(string(f), 16)
		if !ok || len(f) != 2*s.size {
			return false
		}
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], v.number)
		s.data = append(s.data, w[:s.size]...)
	}
	if a.size > 0 {
		s.limit = a.base + a.size
	}
	a.stacks = append(a.stacks, s)
	return true
}

// task takes the pid from the prefix of a line, "[CPU0] [ 6] ": the last thing
// in brackets that is a plain number.
func (a *assertText) task(prefix []byte) {
	for _, part := range bytes.Split(prefix, []byte("["))[1:] {
		inside, _, ok := bytes.Cut(part, []byte("]"))
		if pid, err := strconv.ParseInt(string(bytes.TrimSpace(inside)), 10, 32); ok && err == nil && pid >= 0 {
			a.pid = int32(pid)
		}
	}
}

// names reads "... task(CPU0): NAME process: NAME 0x4201b1ac"; older trees
// leave out the process, still older ones the address.
func (a *assertText) names() {
	_, rest, ok := strings.Cut(a.message, " task")
	if !ok {
		return
	}
	if _, rest, ok = strings.Cut(rest, ": "); !ok {
		return
	}
	if i := strings.LastIndex(rest, " 0x"); i >= 0 {
		rest = rest[:i]
	}
	a.name, a.process, _ = strings.Cut(rest, " process: ")
	a.name, a.process = strings.TrimSpace(a.name), strings.TrimSpace(a.process)
}

// cpu tells the CPU by the names of its registers.
func (a *assertText) cpu() *arch.Arch {
	for _, t := range telltales {
		if v, ok := a.registers[t.name]; ok && (t.digits == 0 || t.digits == v.digits) {
			return t.arch
		}
	}
	return nil
}

// register finds which register of a CPU was printed under a name.
//
// Folklore: ARM's FP is r7 in Thumb code, where r11 has a name of its own, and
// r11 elsewhere, where r7 has. Test: TestAssertRegisters.
func (a *assertText) register(cpu *arch.Arch, name string) (arch.Reg, bool) {
	if to, ok := registerNames[cpu][name]; ok {
		return cpu.Reg(to)
	}
	if name == "FP" && (cpu == arch.CortexM || cpu == arch.ARM) {
		if _, ok := a.registers["R7"]; ok {
			return cpu.Reg("r11")
		}
		return cpu.Reg("r7")
	}
	return cpu.Reg(strings.ToLower(name))
}
