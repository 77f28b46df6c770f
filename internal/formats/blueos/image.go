package blueos

import (
	"debug/elf"
	"encoding/binary"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/notes"
)

const elfMagic = elf.ELFMAG

// maxSegments is the most program headers that the kernel writes: the notes'
// and 32 for memory.
const maxSegments = 33

// statusSize is the descriptor size of NT_PRSTATUS, the same for all CPUs and
// that of no other system: it tells these images from all other ELF cores.
const statusSize = 1100

// image is what the headers of a dump say. Sizes are in bytes.
type image struct {
	cpu     *cpu
	notes   segment
	loads   []segment
	swapped bool  // 32-bit program headers in BlueOS's order
	length  int64 // of all that the headers announce
}

// segment is one program header; off is from the start of the image.
type segment struct {
	off, size int64
	addr      elfcore.Addr
}

func (s segment) end() int64 { return s.off + s.size }

// parseImage reads the headers at the start of p. ok is false if this is not
// an image of BlueOS, or so much of it is lost that nobody could tell.
func parseImage(p *capture.Pieces) (m image, ok bool) {
	var head [64]byte
	size, each := int64(52), int64(32) // of the ELF header, of a program header
	if p.Read(head[:size], 0) == elfcore.Missing || string(head[:4]) != elfMagic || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return m, false
	}
	class := elf.Class(head[elf.EI_CLASS])
	if class == elf.ELFCLASS64 {
		if size, each = 64, 56; p.Read(head[:], 0) == elfcore.Missing {
			return m, false
		}
	}
	w := words{head[elf.EI_NIDENT:], class}
	kind, machine := elf.Type(w.half()), elf.Machine(w.half())
	w.u32() // e_version
	w.word()
	offset := w.word()
	if m.cpu = cpuOf(machine, class); m.cpu == nil || kind != elf.ET_CORE || offset != uint64(size) {
		return m, false
	}
	w.word()
	w.u32() // e_flags
	w.half()
	entry, count := int64(w.half()), int64(w.half())
	if entry != each || count < 1 || count > maxSegments {
		return m, false
	}
	table := make([]byte, count*each)
	if p.Read(table, size) == elfcore.Missing {
		return m, false
	}
	// Folklore: the kernel writes p_flags as the second field in both classes,
	// which is right in 64-bit files only. Should a later kernel mend that: the
	// notes follow the headers, so the first p_offset is known and tells the
	// order. Test: TestHeaderOrder.
	behind := (size + count*each + 3) &^ 3
	m.swapped = class == elf.ELFCLASS32 && int64(binary.LittleEndian.Uint32(table[8:])) == behind
	for at := int64(0); at < count*each; at += each {
		kind, s, ok := parseSegment(words{table[at : at+each], class}, m.swapped)
		switch {
		case at == 0:
			if m.notes = s; !ok || kind != elf.PT_NOTE || s.off != behind {
				return m, false
			}
		case !ok || kind != elf.PT_LOAD:
			continue
		default:
			m.loads = append(m.loads, s)
		}
		m.length = max(m.length, s.end())
	}
	return m, m.firstNote(p)
}

// parseSegment reads a program header, whose flags are wrong and left out. ok
// is false for numbers that no file can have.
func parseSegment(w words, swapped bool) (kind elf.ProgType, s segment, ok bool) {
	kind = elf.ProgType(w.u32())
	if swapped || w.class == elf.ELFCLASS64 {
		w.u32() // p_flags
	}
	off, addr := w.word(), w.word()
	w.word() // p_paddr
	size := w.word()
	return kind, segment{int64(off), int64(size), elfcore.Addr(addr)}, off < 1<<62 && size < 1<<62
}

func isImage(p *capture.Pieces) bool {
	_, ok := parseImage(p)
	return ok
}

// firstNote tells whether the notes begin as BlueOS writes them.
func (m *image) firstNote(p *capture.Pieces) bool {
	var b [16]byte
	if p.Read(b[:], m.notes.off) == elfcore.Missing {
		return false
	}
	order := binary.LittleEndian
	return order.Uint32(b[0:]) == 4 && order.Uint32(b[4:]) == statusSize && order.Uint32(b[8:]) == notes.PRStatus && string(b[12:]) == "CORE"
}

// words takes little-endian integers off bytes that are known to be there.
type words struct {
	b     []byte
	class elf.Class
}

func (w *words) take(n int) []byte {
	b := w.b[:n]
	w.b = w.b[n:]
	return b
}

func (w *words) half() uint16 { return binary.LittleEndian.Uint16(w.take(2)) }
func (w *words) u32() uint32  { return binary.LittleEndian.Uint32(w.take(4)) }

// word takes an integer of a pointer's size.
func (w *words) word() uint64 {
	if w.class == elf.ELFCLASS64 {
		return binary.LittleEndian.Uint64(w.take(8))
	}
	return uint64(w.u32())
}

// cpu is one of the CPUs that BlueOS runs on: in which order it dumps the
// registers, and where its saved context lies.
type cpu struct {
	arch     *arch.Arch
	dumped   arch.Layout // in NT_PRSTATUS
	below    int64       // what is dumped as sp is this much above the context
	contexts []arch.Layout
}

// riscvOrder is that of the register dump and, from ra on, of struct Context.
const riscvOrder = "gp tp t0-t2 s0 a0-a7 t3-t6 s1-s11"

// cpus follow kernel/src/coredump/arch/*.rs; contexts follow struct Context of
// kernel/src/arch/*/mod.rs, the newest first.
var cpus = []cpu{
	{
		arch.CortexM, arch.Layout{Width: 4, Slots: "r0-r12 sp lr pc xpsr _"}, 64,
		[]arch.Layout{
			{Width: 4, Slots: "r4-r11 r0-r3 r12 lr pc xpsr"},
			{Width: 4, Slots: "r4-r11 _:64 r0-r3 r12 lr pc xpsr _:72"}, // hard float: s16-s31, s0-s15, fpscr, vpr
		},
	},
	{
		arch.AArch64, arch.Layout{Width: 8, Slots: "x0-x30 sp pc cpsr"}, 0,
		[]arch.Layout{
			{Width: 8, Slots: "x0-x30 pc cpsr _ _:528"}, // v0-v31, fpcr, fpsr
			{Width: 8, Slots: "x0-x30 pc cpsr _"},
		},
	},
	{
		arch.RV32, arch.Layout{Width: 4, Slots: "pc ra sp " + riscvOrder}, 0,
		[]arch.Layout{{Width: 4, Slots: "ra pc " + riscvOrder + " _"}},
	},
	{
		arch.RV64, arch.Layout{Width: 8, Slots: "pc ra sp " + riscvOrder}, 0,
		[]arch.Layout{{Width: 8, Slots: "ra pc " + riscvOrder + " _"}},
	},
}

func cpuOf(machine elf.Machine, class elf.Class) *cpu {
	for i := range cpus {
		if c := &cpus[i]; c.arch.Machine == machine && c.arch.Class == class {
			return c
		}
	}
	return nil
}
