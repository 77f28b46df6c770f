package nuttx

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/notes"
)

const elfMagic = elf.ELFMAG

// machine is a CPU that NuttX dumps: NT_PRSTATUS has Linux's shape, with the
// registers of tcbinfo at its place.
type machine struct {
	arch       *arch.Arch
	layout     arch.Layout
	status     int64 // descriptor size of NT_PRSTATUS, in bytes
	unverified bool
}

// machines are those with a tcbinfo. Both ARM profiles have the same file; see
// image.arch. Xtensa's descriptor size follows from its 18 registers.
var machines = []machine{
	{arch.CortexM, arch.CortexM.Linux, 148, false},
	{arch.RV32, arch.RV32.Linux, 204, false},
	{arch.RV64, arch.RV64.Linux, 376, false},
	{arch.AArch64, arch.AArch64.Linux, 392, false},
	{arch.Xtensa, arch.Layout{Width: 4, Slots: "pc ps a0-a15"}, 72 + 18*4 + 4, true},
}

func machineOf(m elf.Machine, c elf.Class) *machine {
	for i := range machines {
		if a := machines[i].arch; a.Machine == m && a.Class == c {
			return &machines[i]
		}
	}
	return nil
}

// infoSizes are the descriptor sizes of NT_PRPSINFO that CPUs have.
var infoSizes = []int64{124, 136, 128}

// tasks are the notes: for each task one NT_PRPSINFO and one NT_PRSTATUS,
// always of the same sizes, so that each has its place whatever is lost of the
// others. The owner of both is the task's name.
type tasks struct {
	off                int64 // of the first note
	name, info, status int64 // sizes in bytes
	count              int
}

const noteHeader = 12

func (t tasks) stride() int64 { return 2*(noteHeader+t.name) + t.info + t.status }

// note is where a task's first note begins.
func (t tasks) note(i int) int64 { return t.off + int64(i)*t.stride() }

// descriptor is where a task's NT_PRSTATUS descriptor begins.
func (t tasks) descriptor(i int) int64 { return t.note(i) + 2*(noteHeader+t.name) + t.info }

// fits compares the two note headers of a task with what they should be.
// contrary: they are there and something else.
func (t tasks) fits(p *capture.Pieces, i int) (fits, contrary bool) {
	for _, n := range []struct {
		off, size int64
		kind      uint32
	}{{t.note(i), t.info, notes.PRPSInfo}, {t.note(i) + noteHeader + t.name + t.info, t.status, notes.PRStatus}} {
		var h [noteHeader]byte
		if p.Read(h[:], n.off) == elfcore.Missing {
			return false, false
		}
		order := binary.LittleEndian
		if int64(order.Uint32(h[0:])) != t.name || int64(order.Uint32(h[4:])) != n.size || order.Uint32(h[8:]) != n.kind {
			return false, true
		}
	}
	a, b := t.owner(p, t.note(i)), t.owner(p, t.note(i)+noteHeader+t.name+t.info)
	return true, !bytes.Equal(a, b)
}

// owner is the name of a note, nil if it is lost.
func (t tasks) owner(p *capture.Pieces, note int64) []byte {
	name := make([]byte, t.name)
	if p.Read(name, note+noteHeader) == elfcore.Missing {
		return nil
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	return name
}

// maxNameSize bounds CONFIG_TASK_NAME_SIZE rounded up to 8, in bytes.
const maxNameSize = 256

// findTasks finds the sizes of the notes: the first header tells the name's,
// and if that is lost they are tried.
func findTasks(p *capture.Pieces, segment elf.ProgHeader, m *machine, limit int) (tasks, bool) {
	if segment.Off > 1<<62 || segment.Filesz > 1<<62 {
		return tasks{}, false
	}
	var first [4]byte
	from, to := int64(8), int64(maxNameSize)
	if p.Read(first[:], int64(segment.Off)) != elfcore.Missing {
		from = int64(binary.LittleEndian.Uint32(first[:]))
		to = from
	}
	for name := from; name <= min(to, maxNameSize) && name%8 == 0 && name > 0; name += 8 {
		for _, info := range infoSizes {
			t := tasks{off: int64(segment.Off), name: name, info: info, status: m.status}
			if int64(segment.Filesz)%t.stride() != 0 {
				continue
			}
			t.count = int(min(int64(segment.Filesz)/t.stride(), int64(limit)))
			for i := range t.count {
				if fits, contrary := t.fits(p, i); contrary {
					break
				} else if fits {
					return t, true
				}
			}
		}
	}
	return tasks{}, false
}

// image is what the headers of a dump say.
type image struct {
	*machine
	tasks  tasks
	loads  []elf.ProgHeader // the tasks' stacks come first, in the same order
	length int64            // of all that the headers announce, in bytes
	page   int64            // to which the end is filled up
	lost   int              // program headers that are lost
}

// isImage looks at the first bytes only: at the first task's notes.
func isImage(p *capture.Pieces) bool {
	var head [64]byte
	n := min(p.Size, int64(len(head)))
	if p.Read(head[:n], 0) == elfcore.Missing || string(head[:4]) != elfMagic {
		return false
	}
	// Open would read all program headers, so it gets the first one only.
	var b [64 + 56]byte
	got, _ := p.ReadAt(b[:], 0)
	at := 44 // e_phnum
	if elf.Class(b[elf.EI_CLASS]) == elf.ELFCLASS64 {
		at = 56
	}
	b[at], b[at+1] = 1, 0
	f, err := elfcore.Open(bytes.NewReader(b[:got]), int64(got))
	if err != nil || len(f.Segments) != 1 {
		return false
	}
	m := machineOf(f.Header.Machine, f.Header.Class)
	if m == nil || f.Segments[0].Type != elf.PT_NOTE || f.Order != binary.LittleEndian {
		return false
	}
	_, ok := findTasks(p, f.Segments[0], m, 1)
	return ok
}

// openImage reads the headers. ok is false if this is no dump of NuttX, or so
// much of it is lost that nobody could tell.
func openImage(p *capture.Pieces) (m image, ok bool) {
	f, err := elfcore.Open(p, p.Size)
	if err != nil || len(f.Segments) == 0 || f.Segments[0].Type != elf.PT_NOTE || f.Order != binary.LittleEndian {
		return m, false
	}
	if m.machine = machineOf(f.Header.Machine, f.Header.Class); m.machine == nil {
		return m, false
	}
	each := int64(f.Header.PhEntSize)
	for i, s := range f.Segments {
		if p.State(int64(f.Header.PhOff)+int64(i)*each, each) == elfcore.Missing || s.Off > 1<<62 || s.Filesz > 1<<62 {
			m.lost++
			s = elf.ProgHeader{}
		}
		m.length = max(m.length, int64(s.Off+s.Filesz))
		if s.Type != elf.PT_NOTE {
			m.loads = append(m.loads, s)
			m.page = max(m.page, int64(min(s.Align, maxPage)))
		}
	}
	if m.tasks, ok = findTasks(p, f.Segments[0], m.machine, len(f.Segments)); !ok {
		return m, false
	}
	return m, true
}

// maxPage bounds the alignment of segments, in bytes.
const maxPage = 64 << 10

// filled is the length with the zeros that fill up the last page.
func (m *image) filled() int64 {
	if m.page == 0 {
		return m.length
	}
	return (m.length + m.page - 1) / m.page * m.page
}

// complete tells whether size bytes are what the headers announce.
func (m *image) complete(size int64) bool { return size == m.length || size == m.filled() }

// cpu is the CPU: which ARM profile it is, only the status registers tell.
// sure is false if they don't either.
//
// Folklore: 32-bit ARM has one machine number and, in NuttX, the same flags
// and registers for the A and M profiles. xPSR has the Thumb bit at 24, which
// a thread of the M profile always has set; in CPSR that bit is reserved, and
// the mode in the low bits is never 0. Test: TestProfiles.
func (m *image) cpu(p *capture.Pieces) (a *arch.Arch, sure bool) {
	if m.machine.arch != arch.CortexM {
		return m.machine.arch, true
	}
	slots, _, _ := m.arch.Slots(m.layout)
	for _, s := range slots {
		if s.Reg != m.arch.Flags {
			continue
		}
		for i := range m.tasks.count {
			var b [4]byte
			if p.Read(b[:], m.register(i, s)) == elfcore.Missing {
				continue
			}
			psr := binary.LittleEndian.Uint32(b[:])
			switch {
			case psr&(1<<24) != 0:
				return arch.CortexM, true
			case psr&0x10 != 0:
				return arch.ARM, true
			}
		}
	}
	return arch.CortexM, false
}

// register is where a register of a task stands.
func (m *image) register(task int, s arch.Slot) int64 {
	return m.tasks.descriptor(task) + int64(m.arch.Core.Regs) + int64(s.Off)
}
