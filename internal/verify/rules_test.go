package verify_test

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
	"corelift/internal/verify"
)

// mutation breaks one rule of a core that breaks none.
type mutation struct {
	rule   string
	name   string // what tells it from others of the rule
	cpu    string
	bare   bool   // without the program
	crash  string // the fixture's scenario, undef if empty
	change func(*edited)
	times  int // how often the rule is broken, 0 for once
	// stays: it can't be repaired.
	stays bool
	// loses: values of registers are gone, as the rule says.
	loses bool

	ask     string // a command for the debugger; a back trace if empty
	symptom string // what GDB says of the broken core, a regular expression
	lldb    string // what LLDB says of it
	askLLDB string // a command for it, besides thread list and bt
	cured   string // what GDB says of the repaired core; that the symptom is gone if empty
}

// status are offsets in NT_PRSTATUS.
const (
	cursig = 12
	id32   = 24
	lr32   = 72 + 4*14
	pc32   = 72 + 4*15
)

func put32(n *noted, off int, v uint32) { binary.LittleEndian.PutUint32(n.desc[off:], v) }

func xml(from, to string) func(*edited) { return func(c *edited) { c.replace(from, to) } }

const target = `<target version="1.0">`

// floats are bytes for floating point registers.
func floats(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i%97 + 1)
	}
	return b
}

// entryOf is the address of a function.
func entryOf(cpu, function string) uint32 {
	f, err := elf.Open(elfOf(cpu))
	if err != nil {
		panic(err)
	}
	defer f.Close()
	list, _ := f.Symbols()
	for _, s := range list {
		if s.Name == function {
			return uint32(s.Value &^ 1)
		}
	}
	panic("no " + function)
}

const (
	m3, m33f, a64, x64, i386, rv32, rv64 = "cortex-m3", "cortex-m33f", "aarch64", "x86_64", "i386", "rv32", "rv64"

	notRecognised = "not a core dump: file format not recognized"
	notSupported  = "Core file format not supported"
	mayNotMatch   = "core file may not match specified executable file"
	noRegisters   = "Couldn't find general-purpose registers in core file"
	sizes         = "in core file too small|Unexpected size of section"
	unavailable   = `= <unavailable>`
)

var mutations = []mutation{
	{rule: "elf.headers", cpu: m3, stays: true, change: func(c *edited) { c.head.Phoff = 1 << 24 }, symptom: notRecognised},
	{rule: "elf.type", cpu: m3, change: func(c *edited) { c.head.Type = uint16(elf.ET_EXEC) }, symptom: notRecognised},
	{rule: "elf.type", cpu: x64, change: func(c *edited) { c.head.Type = 0xfe01 }, symptom: notRecognised},
	{rule: "elf.entry-size", cpu: m3, change: func(c *edited) { c.head.Phentsize = 56 }, symptom: notRecognised},
	{rule: "elf.entry-size", cpu: a64, change: func(c *edited) { c.head.Phentsize = 64 }, symptom: notRecognised},
	{rule: "elf.segments", cpu: m3, ask: "x/bx 0x601116f0", symptom: "Cannot access memory", cured: "0x601116f0:\t0x6f", change: func(c *edited) {
		c.many = true
		for i := range 70_000 {
			c.loads = append(c.loads, load{elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 0x60000000 + 16*uint64(i), Filesz: 1, Memsz: 1}, []byte{byte(i)}})
		}
	}},
	{rule: "elf.segment-types", cpu: a64, bare: true, symptom: noRegisters, change: func(c *edited) {
		c.loads = append(c.loads, load{elf.ProgHeader{Type: elf.PT_LOPROC, Align: 1}, nil})
	}},
	{rule: "elf.rve", cpu: rv64, bare: true, change: func(c *edited) { c.head.Flags |= 8 }, symptom: "64-bit ELF with RV32E flag set"},
	{rule: "elf.arm-eabi", cpu: m3, bare: true, stays: true, change: func(c *edited) { c.head.Flags = 0x03000000 }, symptom: "unknown ARM EABI version 0x3000000"},
	{rule: "elf.os", cpu: m3, change: func(c *edited) { c.ident[7] = 9 }, symptom: `OS ABI "FreeBSD" is not built into`},
	{rule: "elf.os", cpu: rv32, change: func(c *edited) { c.ident[7] = 2 }, symptom: `OS ABI "NetBSD" is not built into`},
	{rule: "elf.os-lldb", cpu: m3, change: func(c *edited) { c.ident[7] = 0 }, lldb: "Unsupported OS"},
	{rule: "elf.os-lldb", cpu: x64, change: func(c *edited) { c.ident[7] = 97 }, lldb: "Unsupported OS"},
	{rule: "elf.os-riscv", cpu: rv64, change: func(c *edited) { c.ident[7] = 3 }, lldb: "signal: segmentation fault"},
	{rule: "elf.cpu", cpu: m3, bare: true, stays: true, change: func(c *edited) { c.head.Machine = 0x1234 }, symptom: notSupported},
	{rule: "elf.cpu", name: "known to GDB", cpu: m3, bare: true, stays: true, change: func(c *edited) { c.head.Machine = uint16(elf.EM_MIPS) }, symptom: notSupported},
	{rule: "elf.system", cpu: m3, stays: true, symptom: notRecognised, change: func(c *edited) {
		for i := range c.notes {
			if c.notes[i].typ == 1 {
				c.notes[i].owner = "NetBSD-CORE@1"
			}
		}
	}},
	{rule: "notes.align", cpu: m3, change: func(c *edited) { c.align = 8 }, symptom: notRecognised},
	{rule: "notes.align", cpu: x64, change: func(c *edited) { c.align = 8 }, symptom: notRecognised},
	{rule: "notes.align", name: "page", cpu: m3, change: func(c *edited) { c.align = 4096 }, symptom: notRecognised},
	{rule: "notes.align", name: "padded to 8", cpu: m3, change: func(c *edited) { c.align, c.padding = 8, 8 }, lldb: "error:"},
	{rule: "notes.damaged", cpu: m3, change: func(c *edited) { c.tail = "\x05\x00\x00\x00\xff\xff\xff\x7f" }, symptom: notRecognised, lldb: "error:"},
	{rule: "notes.damaged", name: "short", cpu: x64, change: func(c *edited) { c.tail = "\x01\x02" }, symptom: notRecognised},
	{rule: "notes.owner", cpu: m33f, change: func(c *edited) { c.note(0x400, 0).owner = "CORE" }, ask: "thread apply 2 p $fpscr", symptom: unavailable},
	{rule: "notes.owner", name: "control", cpu: rv32, change: func(c *edited) { c.note(0x900, 0).owner = "CORE" }, ask: "p $mcause", symptom: unavailable, cured: `\$1 = 2`},
	{rule: "notes.owner", name: "description", cpu: m3, change: func(c *edited) { c.note(0xff000000, 0).owner = "CORE" }, ask: "p $xpsr", symptom: "= void"},
	{rule: "notes.owner", name: "threads", cpu: m3, times: 5, lldb: "!thread #1", change: func(c *edited) {
		for i := range c.notes {
			if c.notes[i].typ == 1 {
				c.notes[i].owner = "RTOS"
			}
		}
	}},
	{rule: "notes.private", cpu: m3, change: func(c *edited) {
		c.add("vendor", 1, bytes.Clone(c.note(1, 1).desc))
		put32(c.note(1, 5), id32, 77)
	}, ask: "info threads", symptom: "LWP 77"},
	{rule: "notes.private", name: "name", cpu: m3, change: func(c *edited) { c.add("vendor", 3, make([]byte, 124)) }, symptom: mayNotMatch},
	{rule: "notes.private", name: "name of Solaris", cpu: m3, change: func(c *edited) { c.add("vendor", 13, make([]byte, 124)) }, symptom: mayNotMatch},
	{rule: "notes.private", name: "siginfo", cpu: m3, change: func(c *edited) { c.insert(0, "vendor", 0x53494749, floats(128)) }, ask: "p $_siginfo.si_signo", symptom: `\$1 = 67305985`, cured: `\$1 = 4`},
	{rule: "notes.private", name: "floats", cpu: a64, change: func(c *edited) { c.insert(0, "vendor", 2, floats(8)) }, symptom: sizes},
	{rule: "notes.private", name: "files", cpu: m3, change: func(c *edited) { c.add("vendor", 0x46494c45, []byte("abcdefgh")) }, symptom: "malformed note"},
	{rule: "notes.private", name: "auxv", cpu: m3, change: func(c *edited) { c.notes = append([]noted{{"vendor", 6, c.words(9, 1, 0, 0)}}, c.notes...) }, ask: "info auxv", symptom: "AT_ENTRY .*0x1$"},
	{rule: "notes.order", cpu: m33f, stays: true, change: func(c *edited) {
		n := *c.note(0x400, 0)
		c.drop(0x400)
		c.notes = append([]noted{n}, c.notes...)
	}, ask: "thread apply 2 p $fpscr", symptom: unavailable},
	{rule: "notes.order", name: "all before", cpu: a64, change: func(c *edited) {
		var list []noted
		for i, n := range c.notes {
			if n.typ == 1 {
				f := floats(528)
				f[0] = byte(i)
				list = append(list, noted{"CORE", 2, f})
			}
			list = append(list, n)
		}
		c.notes = list
	}, ask: "thread apply 5 p $v0.b.u[0]", symptom: unavailable, cured: `= 9\b`},
	{rule: "threads.none", cpu: m3, stays: true, change: func(c *edited) { c.drop(1) }, symptom: noRegisters},
	{rule: "threads.size", cpu: m3, times: 5, change: resize(8), symptom: noRegisters},
	{rule: "threads.size", name: "without pr_fpvalid", cpu: a64, times: 5, change: resize(-8), symptom: noRegisters},
	{rule: "threads.size", name: "one", cpu: m3, change: func(c *edited) { n := c.note(1, 1); n.desc = append(n.desc, 0, 0, 0, 0) }, ask: "info threads", symptom: "!LWP 2"},
	{rule: "threads.size", name: "another layout", cpu: m3, times: 5, stays: true, symptom: noRegisters, change: func(c *edited) {
		for i := range c.notes {
			if n := &c.notes[i]; n.typ == 1 {
				n.desc = append(make([]byte, 16), n.desc...)
			}
		}
	}},
	{rule: "threads.size", name: "registers cut", cpu: m3, times: 5, stays: true, change: resize(-12), symptom: noRegisters},
	{rule: "threads.id", cpu: m3, change: func(c *edited) { put32(c.note(1, 1), id32, 1) }, ask: "info threads", symptom: "The current thread has terminated"},
	{rule: "threads.id-zero", cpu: m3, change: func(c *edited) { put32(c.note(1, 0), id32, 0) }, ask: "info threads", symptom: "process 1 "},
	{rule: "threads.signal", cpu: m3, change: func(c *edited) { c.note(1, 4).desc[cursig] = 11 }, symptom: "signal SIGSEGV", cured: "signal SIGILL"},
	{rule: "threads.signal", name: "none in the last", cpu: rv64, change: func(c *edited) { c.note(1, 4).desc[cursig] = 0 }, symptom: "!terminated with signal", cured: "signal SIGILL"},
	{rule: "threads.signal", name: "in the last only", cpu: rv64, times: 4, change: func(c *edited) {
		for k := range 4 {
			c.note(1, k).desc[cursig] = 0
		}
	}, lldb: ""},
	{rule: "threads.handler", cpu: m3, stays: true, ask: "bt", symptom: "signal handler called", change: func(c *edited) {
		put32(c.note(1, 0), lr32, 0xfffffffd)
		put32(c.note(1, 0), pc32, entryOf(m3, "port_swap"))
	}},
	{rule: "threads.fpccr", cpu: m33f, stays: true, ask: "bt", symptom: "Could not fetch required FPCCR content", change: func(c *edited) {
		put32(c.note(1, 0), lr32, 0xffffffe9)
		put32(c.note(1, 0), pc32, entryOf(m33f, "port_swap"))
	}},
	{rule: "description.xml", cpu: m3, change: func(c *edited) { c.note(0xff000000, 0).desc = []byte("hello") }, ask: "p $xpsr", symptom: "Could not load XML target description", cured: `\$1 = [-0-9]`},
	{rule: "description.xml", name: "cut", cpu: m33f, change: xml("</target>", ""), ask: "p $xpsr", symptom: "Could not load XML target description", cured: `\$1 = [-0-9]`},
	{rule: "description.xml", name: "not needed", cpu: x64, change: func(c *edited) { c.note(0xff000000, 0).desc = []byte("hello") }, symptom: "Could not load XML target description"},
	{rule: "description.xml", name: "control character", cpu: m3, change: xml("DOCTYPE target", "DOCTYPE\x08target"), ask: "p $xpsr", symptom: "Could not load XML target description", cured: `\$1 = [-0-9]`},
	{rule: "description.xml", name: "Latin-1", cpu: m3, change: xml(target, target+"<!-- \xe4 -->"), symptom: "Could not load XML target description"},
	{rule: "description.xml", name: "another DTD", cpu: m3, change: xml("gdb-target.dtd", "vendor.dtd"), symptom: "Could not load XML target description"},
	{rule: "description.xml", name: "version", cpu: m3, change: xml(target, `<target version="2.0">`), symptom: "has unsupported version"},
	{rule: "description.xml", name: "no bitsize", cpu: m3, change: xml(`<reg name="r3" bitsize="32"/>`, `<reg name="r3"/>`), symptom: `attribute "bitsize" of <reg> not specified`},
	{rule: "description.xml", name: "no name", cpu: m3, change: xml(`<feature name="org.gnu.gdb.arm.m-profile">`, "<feature>"), symptom: `attribute "name" of <feature> not specified`},
	{rule: "description.xml", name: "unknown type", cpu: m3, change: xml("data_ptr", "vendor_ptr"), symptom: `has unknown type "vendor_ptr"`},
	{rule: "description.architecture", cpu: m3, change: xml(target, target+"<architecture>aarch64</architecture>"), symptom: "is not compatible with reported target architecture"},
	{rule: "description.architecture", name: "without program", cpu: m3, bare: true, change: xml(target, target+"<architecture>i386</architecture>"), symptom: "not compatible|" + notSupported},
	{rule: "description.architecture", name: "unknown", cpu: rv32, change: xml(target, target+"<architecture>nonsense</architecture>"), symptom: "specified unknown architecture"},
	{rule: "description.os-unknown", cpu: m3, change: xml(target, target+"<osabi>RTOS</osabi>"), symptom: `unknown osabi "RTOS"`},
	{rule: "description.os-unknown", cpu: a64, change: xml("GNU/Linux", "Linux"), symptom: `unknown osabi "Linux"`},
	{rule: "description.os", cpu: a64, change: xml("GNU/Linux", "none"), symptom: notSupported},
	{rule: "description.os", cpu: x64, change: xml("GNU/Linux", "none"), symptom: notSupported},
	{rule: "description.os", cpu: i386, change: xml("GNU/Linux", "none"), symptom: notSupported},
	{rule: "description.os", name: "FreeBSD", cpu: m3, change: xml(target, target+"<osabi>FreeBSD</osabi>"), symptom: notSupported},
	{rule: "description.os", name: "Linux", cpu: m3, change: xml(target, target+"<osabi>GNU/Linux</osabi>")}, // bare GDB refuses it
	{rule: "description.os-missing", cpu: a64, change: xml("<osabi>GNU/Linux</osabi>", "")},                  // all-target GDB refuses it
	{rule: "description.os-missing", name: "no description", cpu: x64, change: func(c *edited) { c.drop(0xff000000) }},
	{rule: "description.os-riscv", cpu: rv32, change: xml("<osabi>none</osabi>", ""), ask: "p $mcause", symptom: unavailable, cured: `\$1 = 2`},
	{rule: "description.os-riscv", cpu: rv64, change: xml("none", "GNU/Linux"), ask: "p $mcause", symptom: unavailable, cured: `\$1 = 2`},
	{rule: "description.os-riscv", name: "floats", cpu: rv64, ask: "p/x $fa0.double", symptom: sizes + "|void", cured: `\$1 = 0x5857565554535251`, change: func(c *edited) {
		c.drop(0x900)
		c.drop(0xff000000)
		for k := range 5 {
			c.insert(k, "CORE", 2, floats(260))
		}
	}},
	{rule: "description.system", cpu: m33f, ask: "bt -full", symptom: "Register 91 is not available",
		change: xml("</target>", `<feature name="org.gnu.gdb.arm.m-system"><reg name="msp" bitsize="32"/><reg name="psp" bitsize="32"/></feature></target>`)},
	{rule: "description.registers", cpu: m3, change: xml(`<reg name="lr" bitsize="32"/>`, ""), symptom: notSupported},
	{rule: "description.registers", cpu: m33f, change: xml(`<reg name="d9" bitsize="64" type="ieee_double"/>`, ""), symptom: notSupported},
	{rule: "description.registers", cpu: rv32, change: xml(`<reg name="a0" bitsize="32"/>`, ""), symptom: notSupported},
	{rule: "description.registers", name: "another feature only", cpu: m3, change: xml("org.gnu.gdb.arm.m-profile", "vendor.core"), symptom: notSupported},
	{rule: "description.registers", name: "width", cpu: rv32, change: xml(`<reg name="a3" bitsize="32"/>`, `<reg name="a3" bitsize="64"/>`), symptom: notSupported},
	{rule: "description.width", cpu: m3, change: xml(`<reg name="r3" bitsize="32"/>`, `<reg name="r3" bitsize="64"/>`), ask: "p $r3 == $r4 * 0x100000000 + (unsigned)$r3 && sizeof($r3) == 8", symptom: `\$1 = 1`, cured: `\$1 = 0`},
	{rule: "description.float", cpu: a64, symptom: "internal-error|Assertion", change: func(c *edited) {
		var b strings.Builder
		b.WriteString(`<feature name="org.gnu.gdb.aarch64.core">`)
		for i := range 31 {
			fmt.Fprintf(&b, `<reg name="x%d" bitsize="64"/>`, i)
		}
		b.WriteString(`<reg name="sp" bitsize="64" type="data_ptr"/><reg name="pc" bitsize="64" type="code_ptr"/><reg name="cpsr" bitsize="32"/></feature></target>`)
		c.replace("</target>", b.String())
		c.insert(0, "CORE", 2, floats(528))
	}},
	{rule: "float.size", cpu: m33f, change: func(c *edited) { n := c.note(0x400, 0); n.desc = append(n.desc, 0, 0, 0, 0) }, ask: "thread apply all p $d8", symptom: sizes},
	{rule: "float.size", name: "no status", cpu: m33f, stays: true, change: func(c *edited) { n := c.note(0x400, 0); n.desc = n.desc[:256] }, ask: "thread apply all p $d8", symptom: sizes},
	{rule: "float.size", name: "no filler", cpu: a64, change: func(c *edited) { c.insert(0, "CORE", 2, floats(520)) }, ask: "p $v0.b.u[1]", symptom: sizes, cured: `\$1 = 2`},
	{rule: "float.size", name: "long", cpu: a64, change: func(c *edited) { c.insert(0, "CORE", 2, floats(544)) }, ask: "p $v0.b.u[1]", symptom: sizes, cured: `\$1 = 2`},
	{rule: "float.size", name: "no registers", cpu: a64, stays: true, change: func(c *edited) { c.insert(0, "CORE", 2, floats(512)) }, symptom: sizes},
	{rule: "float.size", cpu: x64, change: func(c *edited) { c.insert(0, "CORE", 2, floats(516)) }, ask: "p $xmm0.v16_int8[0]", symptom: sizes, cured: `\$1 = 64`},
	{rule: "float.size", cpu: i386, change: func(c *edited) { c.insert(0, "LINUX", 0x46e62b7f, floats(516)) }, ask: "p $xmm0.v16_int8[0]", symptom: sizes, cured: `\$1 = 64`},
	{rule: "float.size", cpu: rv64, ask: "p/x $fa0.double", symptom: sizes, cured: `\$1 = 0x5857565554535251`, change: func(c *edited) {
		c.describeRISCV(64)
		c.insert(0, "CORE", 2, floats(264))
	}},
	{rule: "float.undescribed", cpu: m33f, change: func(c *edited) { c.without("org.gnu.gdb.arm.vfp") }, ask: "thread apply 2 p $fpscr", symptom: "= void"},
	{rule: "float.undescribed", name: "no description", cpu: m33f, change: func(c *edited) { c.drop(0xff000000) }, ask: "thread apply 2 p $fpscr", symptom: "= void"},
	{rule: "float.undescribed", cpu: rv32, change: func(c *edited) { c.insert(0, "CORE", 2, floats(260)) }, ask: "p/x $fa0", symptom: "= void", cured: `0x5857565554535251`},
	{rule: "float.undescribed", name: "narrow", cpu: rv32, change: func(c *edited) { c.insert(0, "CORE", 2, floats(132)) }, ask: "p/x $fa0", symptom: "= void", cured: `\$1 = 0x`},
	{rule: "control.size", cpu: rv32, loses: true, change: func(c *edited) { n := c.note(0x900, 0); n.desc = n.desc[:8] }, ask: "p $mcause", symptom: sizes, cured: `\$1 = 2`},
	{rule: "control.size", cpu: rv64, change: func(c *edited) { n := c.note(0x900, 0); n.desc = append(n.desc, 0, 0, 0, 0, 0, 0, 0, 0) }, ask: "p $mcause", symptom: sizes, cured: `\$1 = 2`},
	{rule: "control.undescribed", cpu: rv32, stays: true, change: func(c *edited) { c.without("org.gnu.gdb.riscv.csr") }, ask: "p $mcause", symptom: "= void"},
	{rule: "name.size", cpu: m3, change: func(c *edited) {
		n := c.note(3, 0)
		n.desc = append(make([]byte, 4), n.desc...) // that of RV32
	}, symptom: "!generated by `fw.elf'", cured: "generated by `fw.elf'"},
	{rule: "name.size", name: "of no CPU", cpu: m3, stays: true, change: func(c *edited) { n := c.note(3, 0); n.desc = n.desc[:120] }, symptom: "!generated by"},
	{rule: "name.last", cpu: m3, change: func(c *edited) {
		desc := make([]byte, 124)
		copy(desc[28:], "idle")
		c.insert(4, "CORE", 3, desc)
	}, symptom: mayNotMatch},
	{rule: "name.program", cpu: m3, change: func(c *edited) { copy(c.note(3, 0).desc[28:], "other.elf\x00") }, symptom: mayNotMatch},
	{rule: "memory.truncated", cpu: m3, change: func(c *edited) {
		last := &c.loads[len(c.loads)-1]
		last.Filesz, last.Memsz = last.Filesz+4096, last.Memsz+4096
	}, symptom: "has a segment extending past end of file"},
	{rule: "memory.overlap", cpu: m3, change: func(c *edited) {
		l := c.loads[len(c.loads)-1]
		l.Vaddr, l.Filesz, l.Memsz, l.data = l.Vaddr+32, 64, 64, bytes.Repeat([]byte{0xee}, 64)
		c.loads = append(c.loads, l)
	}, askLLDB: "x/2xw 0x20001230", lldb: "error: error reading data"},
	{rule: "memory.zero", cpu: m3, change: func(c *edited) { c.loads[len(c.loads)-1].Memsz += 0x100 }, ask: "x/xw 0x20001c30", symptom: `0x20001c30.*:\t0x00000000`, cured: "Cannot access memory"},
	{rule: "memory.initial", cpu: m3, times: 2, change: func(c *edited) { c.loads = c.loads[1:] }, ask: "p g_counter", symptom: `\$1 = 1000`, cured: "Cannot access memory"},
	{rule: "files.damaged", cpu: m3, change: func(c *edited) {
		desc := c.files("/dev/null")
		desc[0] = 100
		c.add("CORE", 0x46494c45, desc)
	}, symptom: "malformed note"},
	{rule: "files.damaged", name: "long", cpu: i386, change: func(c *edited) {
		n := c.note(0x46494c45, 0)
		n.desc = append(n.desc, 0)
	}, symptom: "filename area is too big"},
	{rule: "files.missing", cpu: i386, stays: true, change: func(c *edited) { c.note(0x46494c45, 0).desc = c.files("/no/such/file") }, symptom: "Can't open file /no/such/file during file-backed mapping"},
	{rule: "files.code", cpu: m3, change: func(c *edited) { c.add("CORE", 0x46494c45, c.files("/dev/null")) }, ask: "x/i $pc", symptom: "Cannot access memory"},
	{rule: "program.entry", cpu: m3, change: func(c *edited) { c.drop(6) }, lldb: "!blow_up"},
	{rule: "program.entry", name: "Thumb bit", cpu: m3, change: func(c *edited) { c.note(6, 0).desc[4] ^= 1 }, lldb: "!blow_up"},
	{rule: "program.entry", name: "end only", cpu: x64, change: func(c *edited) { c.note(6, 0).desc = c.words(0, 0) }, lldb: "!blow_up"},
	{rule: "program.flags", cpu: m3, change: func(c *edited) { c.head.Flags = 0x05000400 }},
}

// describeRISCV adds the floating point feature.
func (c *edited) describeRISCV(bits int) {
	var b strings.Builder
	b.WriteString(`<feature name="org.gnu.gdb.riscv.fpu">`)
	for i := range 32 {
		fmt.Fprintf(&b, `<reg name="f%d" bitsize="%d" type="ieee_double"/>`, i, bits)
	}
	b.WriteString(`<reg name="fcsr" bitsize="32"/></feature></target>`)
	c.replace("</target>", b.String())
}

// resize makes every NT_PRSTATUS longer or shorter.
func resize(by int) func(*edited) {
	return func(c *edited) {
		for i := range c.notes {
			if n := &c.notes[i]; n.typ == 1 {
				n.desc = append(n.desc, make([]byte, max(by, 0))...)
				n.desc = n.desc[:len(n.desc)+min(by, 0)]
			}
		}
	}
}

// TestRules breaks each rule by itself. The verdict is that rule and no other;
// debuggers show the symptom, and not any more in the repaired copy, which has
// the same registers as before.
func TestRules(t *testing.T) {
	for _, m := range mutations {
		t.Run(strings.TrimSpace(m.rule+" "+m.cpu+" "+m.name), func(t *testing.T) { m.test(t) })
	}
	var untested []string
	for _, r := range verify.Rules() {
		if !slices.ContainsFunc(mutations, func(m mutation) bool { return m.rule == r.ID }) && !slices.Contains(others, r.ID) {
			untested = append(untested, r.ID)
		}
	}
	if len(untested) > 0 {
		t.Errorf("no test of %v", untested)
	}
}

// others are rules with tests of their own below.
var others = []string{"elf.freebsd", "elf.xtensa", "program.machine", "program.build-id", "program.newer"}

func (m *mutation) test(t *testing.T) {
	t.Parallel()
	scenario := m.crash
	if scenario == "" {
		scenario = "undef"
	}
	good := base(t, m.cpu, scenario)
	program := elfOf(m.cpu)
	if m.bare {
		program = ""
	}
	broken := edit(t, good)
	m.change(broken)
	f := opened(t, broken.bytes(), program)
	found := f.Check()
	for _, x := range found {
		// What no file can cure is said of the unbroken core too.
		if x.ID != m.rule && !(x.ID == "memory.initial" && x.Severity == verify.Remark) {
			t.Errorf("%s: %s, expected %s", x.ID, x.Found, x.Expected)
		}
	}
	found = slices.DeleteFunc(found, func(x verify.Finding) bool { return x.ID != m.rule })
	if len(found) != max(m.times, 1) {
		t.Fatalf("%d findings, want %d of %s", len(found), max(m.times, 1), m.rule)
	}
	if found[0].Fixable == m.stays || found[0].Fixable && found[0].Fix == "" {
		t.Errorf("can be repaired: %v (%s)", found[0].Fixable, found[0].Fix)
	}
	dir := t.TempDir()
	brokenFile := file(t, dir, "broken.core", broken.bytes())
	m.sick(t, program, brokenFile)
	if m.stays {
		if changes := f.Fix(); len(changes) > 0 {
			t.Errorf("repaired: %+v", changes)
		}
		return
	}
	for _, c := range f.Fix() {
		if c.Rule != m.rule {
			t.Errorf("repaired: %+v", c)
		}
	}
	fixed := rewritten(t, f)
	for _, x := range opened(t, fixed, program).Check() {
		if x.ID != "memory.initial" || x.Severity != verify.Remark {
			t.Errorf("left: %s: %s", x.ID, x.Found)
		}
	}
	m.healthy(t, program, file(t, dir, "fixed.core", fixed), file(t, dir, "good.core", good))
}

// shows tells whether a debugger says something; "!text" that it does not.
func shows(out, want string) bool {
	if text, not := strings.CutPrefix(want, "!"); not {
		return !strings.Contains(out, text)
	}
	return regexp.MustCompile("(?m)" + want).MatchString(out)
}

func (m *mutation) question() string {
	if m.ask == "" {
		return "bt 1"
	}
	return m.ask
}

// sick: the debuggers show the symptom.
func (m *mutation) sick(t *testing.T, program, core string) {
	t.Helper()
	if m.symptom != "" {
		if out := gdb(t, program, core, m.question()); !shows(out, m.symptom) {
			t.Errorf("GDB does not show %q:\n%s", m.symptom, out)
		}
	}
	if m.lldb != "" {
		if out := lldb(t, program, core, m.askLLDB); !shows(out, m.lldb) {
			t.Errorf("LLDB does not show %q:\n%s", m.lldb, out)
		}
	}
}

// complaints are what a debugger says about a core that it does not like.
var complaints = regexp.MustCompile(`(?i)warning:|internal-error|not supported|not recognized|malformed|Couldn't find`)

// healthy: the debuggers open the copy without a complaint, and show the
// registers of the core that nobody broke.
func (m *mutation) healthy(t *testing.T, program, fixed, good string) {
	t.Helper()
	out := gdb(t, program, fixed, m.question(), allRegisters)
	if complaints.MatchString(out) || m.cured == "" && m.symptom != "" && shows(out, m.symptom) || !shows(out, m.cured) {
		t.Errorf("repaired, GDB shows:\n%s", out)
	}
	if m.lldb != "" && m.rule != "elf.os-riscv" {
		if out := lldb(t, program, fixed, m.askLLDB); shows(out, m.lldb) || strings.Contains(out, "error:") || !strings.Contains(out, "thread #1") {
			t.Errorf("repaired, LLDB shows:\n%s", out)
		}
	}
	got := registersIn(out)
	want, ok := unbroken.Load(m.cpu + program)
	if !ok {
		want, _ = unbroken.LoadOrStore(m.cpu+program, registersIn(gdb(t, program, good, allRegisters)))
	}
	compare(t, want.(map[string]string), got, m.loses)
}

// unbroken has what GDB shows of the registers of the cores that nobody broke.
var unbroken sync.Map

// compare fails unless all registers of one are in the other.
func compare(t *testing.T, want, got map[string]string, loses bool) {
	t.Helper()
	if len(want) < 16 {
		t.Fatalf("%d registers", len(want))
	}
	for name, v := range want {
		if got[name] != v && !(loses && got[name] == "") {
			t.Errorf("%s: %q, was %q", name, got[name], v)
		}
	}
}

var (
	threadLine   = regexp.MustCompile(`^Thread (\d+) \(`)
	registerLine = regexp.MustCompile(`^(\w+) +(0x[0-9a-f]+|<unavailable>)`)
)

const allRegisters = "thread apply all info registers"

// registersIn are those of all threads in what GDB shows, under thread and name.
func registersIn(out string) map[string]string {
	values := map[string]string{}
	thread := ""
	for line := range strings.Lines(out) {
		if m := threadLine.FindStringSubmatch(line); m != nil {
			thread = m[1]
		} else if m := registerLine.FindStringSubmatch(line); m != nil && m[2] != "<unavailable>" && m[1] != "fpscr" && m[1] != "fpsr" && m[1] != "fpcr" {
			values[thread+"."+m[1]] = m[2]
		}
	}
	return values
}

// gdb runs commands and returns everything GDB said.
func gdb(t *testing.T, program, core string, commands ...string) string {
	t.Helper()
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0", "-c", absolute(core)}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	if program != "" {
		args = append(args, absolute(program))
	}
	return output(t, exec.Command(fixture.Need(t, "gdb-multiarch"), args...))
}

func lldb(t *testing.T, program, core, command string) string {
	t.Helper()
	target := "target create --core " + absolute(core)
	if program != "" {
		target += " " + absolute(program)
	}
	return output(t, exec.Command(fixture.Need(t, "lldb"), "--no-lldbinit", "--batch", "-o", target,
		"-o", "thread list", "-o", "bt 1", "-o", cmp.Or(command, "version")))
}

// absolute is a path from wherever.
func absolute(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return path
}

// output is all that a command says, and how it ends. Some debuggers crash, and
// leave a core where they are.
func output(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "LC_ALL=C")
	text, err := c.CombinedOutput()
	return fmt.Sprintf("%s\n%v\n", text, err)
}

func file(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// opened opens a core, with a program if it has a name.
func opened(t testing.TB, core []byte, program string) *verify.File {
	t.Helper()
	o := verify.Options{}
	if program != "" {
		set, err := firmware.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { set.Close() })
		o.Program = set
	}
	f, err := verify.Open(bytes.NewReader(core), int64(len(core)), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func rewritten(t testing.TB, f *verify.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
