package nuttx

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// made is a dump as sched/misc/coredump.c writes it, byte for byte. It shares
// nothing with the reader.
type made struct {
	machine  uint16
	bits     int
	gregs    int    // registers in pr_reg
	flags    uint32 // e_flags
	nameSize int    // CONFIG_TASK_NAME_SIZE
	tasks    []task
	regions  []region
}

type task struct {
	name    string
	pid     uint32
	regs    []uint64
	sp      int // index in regs
	base    uint64
	stack   []byte
	running bool
}

type region struct {
	addr  uint64
	flags uint32
	data  []byte
}

func u16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func u32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

func (m *made) word(b []byte, v uint64) []byte {
	if m.bits == 64 {
		return binary.LittleEndian.AppendUint64(b, v)
	}
	return u32(b, uint32(v))
}

const page = 1024

func up(n, to int) int { return (n + to - 1) / to * to }

func fill(b []byte, size int) []byte { return append(b, make([]byte, size-len(b))...) }

// dumped is the part of a task's stack that is dumped, rounded out to 64 bytes.
func (t *task) dumped() (addr uint64, data []byte) {
	from := t.base
	if !t.running {
		from = t.regs[t.sp]
	}
	addr = from &^ 63
	end := (t.base + uint64(len(t.stack)) + 63) &^ 63
	all := append(make([]byte, 64), t.stack...)
	all = fill(all, len(all)+64)
	return addr, all[addr-(t.base-64) : end-(t.base-64)]
}

func (m *made) bytes() []byte {
	ehdr, phdr, class := 52, 32, byte(1)
	if m.bits == 64 {
		ehdr, phdr, class = 64, 56, 2
	}
	b := append([]byte("\x7fELF"), class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	count := 1 + len(m.tasks) + len(m.regions)
	b = u32(u16(u16(b, 4), m.machine), 1)
	b = m.word(m.word(m.word(b, 0), uint64(ehdr)), 0)
	b = u16(u16(u16(u32(b, m.flags), uint16(ehdr)), uint16(phdr)), uint16(count))
	b = u16(u16(u16(b, 0), 0), 0)

	var notes []byte
	for _, t := range m.tasks {
		name := fill([]byte(t.name[:min(len(t.name), up(m.nameSize, 8)-1)]), up(m.nameSize, 8))
		info := 124
		status := u32(fill(nil, 24), t.pid)
		status = fill(status, 72)
		if m.bits == 64 {
			info = 136
			status = fill(u32(fill(nil, 32), t.pid), 112)
		}
		for _, v := range t.regs {
			status = m.word(status, v)
		}
		status = m.word(fill(status, len(status)), 0) // pr_fpvalid
		for _, n := range []struct {
			kind uint32
			desc []byte
		}{{3, fill(nil, info)}, {1, status}} {
			notes = u32(u32(u32(notes, uint32(len(name))), uint32(len(n.desc))), n.kind)
			notes = append(append(notes, name...), n.desc...)
		}
	}
	header := func(kind, flags uint32, off int, addr uint64, size, mem, align int) {
		b = u32(b, kind)
		if m.bits == 64 {
			b = u32(b, flags)
		}
		for _, v := range []uint64{uint64(off), addr, addr, uint64(size), uint64(mem)} {
			b = m.word(b, v)
		}
		if m.bits == 32 {
			b = u32(b, flags)
		}
		b = m.word(b, uint64(align))
	}
	off := ehdr + count*phdr
	header(4, 0, off, 0, len(notes), 0, 0)
	off += len(notes)
	var parts [][]byte
	load := func(addr uint64, data []byte, flags uint32) {
		off = up(off, page)
		header(1, flags, off, addr, len(data), len(data), page)
		off += up(len(data), page)
		parts = append(parts, data)
	}
	for _, t := range m.tasks {
		addr, data := t.dumped()
		load(addr, data, 7)
	}
	for _, r := range m.regions {
		load(r.addr, r.data, r.flags)
	}
	b = append(b, notes...)
	for _, p := range parts {
		b = append(fill(b, up(len(b), page)), p...)
	}
	return fill(b, up(len(b), page))
}

// lzf is lib_lzfcompress.c with the block size of lzf_c.c's default.
func lzf(data []byte) (out []byte) {
	for len(data) > 0 {
		n := min(1023, len(data))
		packed := lzfPack(data[:n])
		if len(packed) < n {
			out = append(out, 'Z', 'V', 1, byte(len(packed)>>8), byte(len(packed)), byte(n>>8), byte(n))
			out = append(out, packed...)
		} else {
			out = append(append(out, 'Z', 'V', 0, byte(n>>8), byte(n)), data[:n]...)
		}
		data = data[n:]
	}
	return out
}

func lzfPack(in []byte) (out []byte) {
	var plain []byte
	flush := func() {
		for len(plain) > 0 {
			n := min(32, len(plain))
			out = append(append(out, byte(n-1)), plain[:n]...)
			plain = plain[n:]
		}
	}
	for at := 0; at < len(in); {
		best, from := 0, 0
		for k := max(0, at-8192); k < at; k++ {
			n := 0
			for n < 264 && at+n < len(in) && in[k+n] == in[at+n] {
				n++
			}
			if n > best {
				best, from = n, k
			}
		}
		if best < 3 {
			plain = append(plain, in[at])
			at++
			continue
		}
		flush()
		back, n := at-from-1, best-2
		if n < 7 {
			out = append(out, byte(n<<5|back>>8), byte(back))
		} else {
			out = append(out, byte(7<<5|back>>8), byte(n-7), byte(back))
		}
		at += best
	}
	flush()
	return out
}

// log is what coredump_dump_syslog prints. width is in bytes, 0 for one line.
func log(data []byte, form string, compressed bool, width int, prefix, words string) string {
	finish := "Finish coredump"
	if compressed {
		data, finish = lzf(data), finish+" (Compression Enabled)"
	}
	text := fmt.Sprintf("%X", data)
	if form == "base64" {
		text = base64.StdEncoding.EncodeToString(data)
	}
	var s strings.Builder
	s.WriteString(prefix + "Start coredump:\n")
	for len(text) > 0 {
		n := len(text)
		if width > 0 {
			n = min(n, 2*width)
		}
		s.WriteString(prefix + text[:n] + "\n")
		text = text[n:]
	}
	return s.String() + prefix + finish + "." + words + "\n"
}

func count(n int, from uint64) (list []uint64) {
	for i := range n {
		list = append(list, from+uint64(i)*0x10)
	}
	return list
}

// dumps are one of each CPU; task 3 of 4 crashed.
func dumps() map[string]*made {
	list := map[string]*made{
		"arm-m":   {machine: 40, bits: 32, gregs: 18, flags: 0x05000000},
		"riscv32": {machine: 243, bits: 32, gregs: 32},
		"riscv64": {machine: 243, bits: 64, gregs: 32},
		"aarch64": {machine: 183, bits: 64, gregs: 34},
	}
	sp := map[string]int{"arm-m": 13, "riscv32": 2, "riscv64": 2, "aarch64": 31}
	for name, m := range list {
		m.nameSize = 31
		for i, n := range []string{"Idle_Task", "hpwork", "hello", "init"} {
			t := task{name: n, pid: uint32(i * 3), regs: count(m.gregs, 0x10000000*uint64(i+1)), sp: sp[name], base: 0x20010000 + 0x1000*uint64(i), running: n == "hello"}
			if name == "arm-m" {
				t.regs[16], t.regs[17] = 0x61000000, 0
			}
			if name == "aarch64" {
				t.regs[33] = 0x60000005
			}
			t.regs[t.sp] = t.base + 0x2a8
			t.stack = bytes.Repeat([]byte(n+" stack "), 100)[:0x400]
			m.tasks = append(m.tasks, t)
		}
		bss := make([]byte, 3000)
		for i := range bss {
			bss[i] = byte(i * i >> 4)
		}
		copy(bss, name+"\x00")
		m.regions = []region{{0x20000000, 0, bss}, {0x40000000, 0x00100006, []byte("register")}}
	}
	return list
}

// names are GDB's names of the registers in their order.
func names(cpu string) (list []string) {
	switch cpu {
	case "arm-m":
		for i := range 13 {
			list = append(list, fmt.Sprint("r", i))
		}
		return append(list, "sp", "lr", "pc", "xpsr")
	case "aarch64":
		for i := range 31 {
			list = append(list, fmt.Sprint("x", i))
		}
		return append(list, "sp", "pc", "cpsr")
	}
	return strings.Fields("pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6")
}
