package blueos

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// made is a dump as kernel/src/coredump builds it, byte for byte. It shares
// nothing with the reader.
type made struct {
	machine  uint16
	bits     int
	standard bool // 32-bit program headers as they should be
	tid      uint32
	regs     []uint64 // in the order of arch/*.rs
	signo    int32
	code     uint32
	addr     uint64
	specific uint64
	loads    []load
}

type load struct {
	addr  uint64
	flags uint32
	data  []byte
}

func (m *made) word(b []byte, v uint64) []byte {
	if m.bits == 64 {
		return binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(v))
}

func u16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func u32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

func pad(b []byte, n int) []byte {
	for len(b)%n != 0 {
		b = append(b, 0)
	}
	return b
}

// notes is build_notes of notes.rs.
func (m *made) notes() (b []byte) {
	note := func(kind uint32, desc []byte) {
		b = u32(u32(u32(b, 4), uint32(len(desc))), kind)
		b = pad(append(append(b, "CORE"...), desc...), 4)
	}
	status := u32(u32(u32(nil, uint32(m.signo)), m.code), 0)
	status = m.word(m.word(status, 0), 0)
	status = u32(u32(u32(u32(status, m.tid), 0), 0), 0)
	for _, v := range m.regs {
		status = m.word(status, v)
	}
	note(1, append(status, make([]byte, 1100-len(status))...))
	info := make([]byte, 124)
	copy(info[20:], "blueos\x00") // Rust may put the field anywhere
	note(3, info)
	note(0x53494749, m.word(m.word(u32(u32(nil, uint32(m.signo)), m.code), m.addr), m.specific))
	return b
}

// bytes is build_elf of elf.rs.
func (m *made) bytes() []byte {
	ehdr, phdr, class := 52, 32, byte(1)
	if m.bits == 64 {
		ehdr, phdr, class = 64, 56, 2
	}
	b := append([]byte("\x7fELF"), class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = u32(u16(u16(b, 4), m.machine), 1)
	b = m.word(m.word(m.word(b, 0), uint64(ehdr)), 0)
	b = u16(u16(u16(u32(b, 0), uint16(ehdr)), uint16(phdr)), uint16(1+len(m.loads)))
	b = u16(u16(u16(b, 0), 0), 0)
	notes := m.notes()
	off := (ehdr + (1+len(m.loads))*phdr + 3) &^ 3
	header := func(kind, flags uint32, off int, addr uint64, filesz, memsz, align int) {
		b = u32(b, kind)
		if m.bits == 64 || !m.standard {
			b = u32(b, flags)
		}
		for _, v := range []uint64{uint64(off), addr, addr, uint64(filesz), uint64(memsz)} {
			b = m.word(b, v)
		}
		if m.bits == 32 && m.standard {
			b = u32(b, flags)
		}
		b = m.word(b, uint64(align))
	}
	header(4, 0, off, 0, len(notes), 0, 4)
	at := off + len(notes)
	for _, l := range m.loads {
		at = (at + m.bits/8 - 1) &^ (m.bits/8 - 1)
		header(1, l.flags, at, l.addr, len(l.data), len(l.data), m.bits/8)
		at += len(l.data)
	}
	b = append(pad(b, 4), notes...)
	for _, l := range m.loads {
		b = append(pad(b, m.bits/8), l.data...)
	}
	return b
}

// log is the logging backend's output.
func (m *made) log() string {
	var s strings.Builder
	b := m.bytes()
	for len(b) > 0 {
		n := min(64, len(b))
		s.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return s.String() + "[BLUEOS_COREDUMP_END] mode=Current chunks=1 size=0KB\n"
}

// count makes n register values that all differ.
func count(n int, from uint64) (list []uint64) {
	for i := range n {
		list = append(list, from+uint64(i)*0x10)
	}
	return list
}

// dumps are one of each CPU that BlueOS runs on: a fault in thread 5, whose
// saved context is on its stack.
func dumps() map[string]*made {
	list := map[string]*made{
		"arm-m": {machine: 40, bits: 32, tid: 5, signo: 4, code: 0x02000000, addr: 0xe000ed34, specific: 0x02000000,
			regs: append(count(18, 0x20010000)[:17:17], 0)},
		"aarch64": {machine: 183, bits: 64, tid: 5, signo: 11, code: 0x25, addr: 0x96000045, specific: 0x25,
			regs: append(count(33, 0x4000_2000_0000), 0x60000005)},
		"riscv32": {machine: 243, bits: 32, tid: 5, signo: 10, code: 2, addr: 0, specific: 2, regs: count(32, 0x80001000)},
		"riscv64": {machine: 243, bits: 64, tid: 5, signo: 11, code: 7, addr: 0x1234, specific: 7, regs: count(32, 0x1_8000_1000)},
	}
	for name, m := range list {
		bss := bytes.Repeat([]byte("0123456789abcdef"), 40)
		copy(bss, name)
		m.loads = []load{{0x20000000, 2, bss}, {0x20001000, 3, make([]byte, 1024)}}
		m.context(name)
	}
	return list
}

// context lays the saved context on the stack, as struct Context of
// kernel/src/arch/*/mod.rs has it, and points sp at it.
func (m *made) context(name string) {
	const at = 0x20001100
	var b []byte
	put := func(values ...uint64) {
		for _, v := range values {
			b = m.word(b, v)
		}
	}
	r := m.regs
	switch name {
	case "arm-m":
		r[13] = at + 64
		put(r[4:12]...)
		put(r[0], r[1], r[2], r[3], r[12], r[14], r[15], r[16])
	case "aarch64":
		r[31] = at
		put(r[:31]...)
		put(r[32], r[33])
	default:
		r[2] = at
		put(r[1], r[0], r[3], r[4]) // ra, mepc, gp, tp
		put(r[5:]...)
	}
	copy(m.loads[1].data[at-0x20001000:], b)
}

// registers are the dumped values by GDB's names.
func (m *made) registers(name string) map[string]uint64 {
	var names []string
	switch name {
	case "arm-m":
		for i := range 13 {
			names = append(names, fmt.Sprint("r", i))
		}
		names = append(names, "sp", "lr", "pc", "xpsr")
	case "aarch64":
		for i := range 31 {
			names = append(names, fmt.Sprint("x", i))
		}
		names = append(names, "sp", "pc", "cpsr")
	default:
		names = strings.Fields("pc ra sp gp tp t0 t1 t2 s0 a0 a1 a2 a3 a4 a5 a6 a7 t3 t4 t5 t6 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11")
	}
	list := map[string]uint64{}
	for i, n := range names {
		list[n] = m.regs[i]
	}
	list["sp"] += map[string]uint64{"arm-m": 0, "aarch64": 800, "riscv32": 128, "riscv64": 256}[name]
	return list
}
