package location

import (
	"bytes"
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	delve "github.com/go-delve/delve/pkg/dwarf/op"

	"corelift/elfcore"
)

// A harvest is all expressions of one program, with a frame on which every
// register and every byte of memory is there.
type harvest struct {
	fake
	data *dwarf.Data
	unit dwarf.Offset
	addr []byte // .debug_addr, from the unit's DW_AT_addr_base on
}

func (h *harvest) Register(n uint64) Register {
	low := 0x20000000 + n<<8
	wide := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, low), 3)
	return Register{Name: fmt.Sprint("r", n), Bits: 128, Low: low, Wide: wide, State: elfcore.Known}
}

func (h *harvest) Memory(p []byte, a elfcore.Addr) (elfcore.State, error) {
	for i := range p {
		p[i] = pattern(uint64(a) + uint64(i))
	}
	return elfcore.Known, nil
}

func pattern(a uint64) byte { return byte(a*7 + a>>8) }

func (h *harvest) Loaded(a uint64) uint64 { return a }

func (h *harvest) Constant(i uint64) (uint64, bool) { return h.Address(i) }

func (h *harvest) Address(i uint64) (uint64, bool) {
	b := h.addr
	if i >= uint64(len(b)/h.ptr) {
		return 0, false
	}
	return number(b[int(i)*h.ptr:][:h.ptr], false), true
}

func (h *harvest) entry(off dwarf.Offset) *dwarf.Entry {
	r := h.data.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil {
		return nil
	}
	return e
}

func (h *harvest) BaseType(off uint64) (BaseType, bool) {
	e := h.entry(h.unit + dwarf.Offset(off))
	if e == nil || e.Tag != dwarf.TagBaseType {
		return BaseType{}, false
	}
	size, _ := e.Val(dwarf.AttrByteSize).(int64)
	encoding, _ := e.Val(dwarf.AttrEncoding).(int64)
	return BaseType{uint64(size), uint64(encoding)}, true
}

func (h *harvest) Procedure(off uint64, global bool) ([]byte, bool) {
	if !global {
		off += uint64(h.unit)
	}
	e := h.entry(dwarf.Offset(off))
	if e == nil {
		return nil, false
	}
	b, _ := e.Val(dwarf.AttrLocation).([]byte)
	return b, true
}

// Passed: every caller passed an address, whatever the parameter's type.
func (h *harvest) Passed(a Argument) ([]byte, Scope, error) {
	return []byte{0x9c, 0x06}, h, nil
}

// attributes hold expressions that are no places, and lists of them.
var attributes = []dwarf.Attr{
	dwarf.AttrLocation, dwarf.AttrFrameBase, dwarf.AttrUpperBound, dwarf.AttrDataMemberLoc, dwarf.AttrCallValue, dwarf.AttrCallDataValue,
	dwarf.AttrCallTarget, 0x2111 /* GNU_call_site_value */, 0x2112 /* GNU_call_site_data_value */, 0x2113, /* GNU_call_site_target */
}

// harvested walks all entries of an ELF and calls visit for each expression,
// with the frame set to its unit.
func harvested(t *testing.T, path string, visit func(h *harvest, a dwarf.Attr, expr []byte)) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	section := func(name string) []byte {
		if s := f.Section(name); s != nil {
			b, _ := s.Data()
			return b
		}
		return nil
	}
	info, addr, locs, lists := section(".debug_info"), section(".debug_addr"), section(".debug_loc"), section(".debug_loclists")
	h := &harvest{data: data}
	h.fake = fake{ptr: 4, offset: 4, order: f.ByteOrder, cfa: Word(0x20008000, elfcore.Known), base: op(0x9c)}
	if f.Class == elf.ELFCLASS64 {
		h.ptr = 8
	}
	var listsBase int64
	version, next := 0, dwarf.Offset(0)
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return
		}
		if e.Tag == dwarf.TagCompileUnit || e.Tag == dwarf.TagPartialUnit || e.Tag == dwarf.TagTypeUnit {
			h.unit = next
			size := binary.LittleEndian.Uint32(info[next:])
			version = int(binary.LittleEndian.Uint16(info[next+4:]))
			next += 4 + dwarf.Offset(size)
			if b, ok := e.Val(dwarf.AttrAddrBase).(int64); ok {
				h.addr = addr[b:]
			}
			listsBase, _ = e.Val(dwarf.AttrLoclistsBase).(int64)
		}
		for _, field := range e.Field {
			if !slices.Contains(attributes, field.Attr) {
				continue
			}
			switch v := field.Val.(type) {
			case []byte:
				visit(h, field.Attr, v)
			case uint64: // DW_FORM_loclistx
				off := binary.LittleEndian.Uint32(lists[listsBase+4*int64(v):])
				eachOfList5(lists[listsBase+int64(off):], h.ptr, func(b []byte) { visit(h, field.Attr, b) })
			case int64:
				switch {
				case field.Class != dwarf.ClassLocListPtr || field.Attr == dwarf.AttrDataMemberLoc: // in DWARF 3 also an offset's class
				case version >= 5:
					eachOfList5(lists[v:], h.ptr, func(b []byte) { visit(h, field.Attr, b) })
				default:
					eachOfList(locs[v:], h.ptr, func(b []byte) { visit(h, field.Attr, b) })
				}
			}
		}
	}
}

// eachOfList reads a list of .debug_loc (DWARF 4, 2.6.2).
func eachOfList(b []byte, ptr int, visit func([]byte)) {
	r := reader{expr: b}
	ones := ^uint64(0) >> (64 - 8*ptr)
	for !r.bad {
		low, high := r.fixed(ptr), r.fixed(ptr)
		if low == 0 && high == 0 {
			return
		}
		if low != ones {
			visit(r.take(r.fixed(2)))
		}
	}
}

// eachOfList5 reads a list of .debug_loclists (DWARF 5, 7.7.3).
func eachOfList5(b []byte, ptr int, visit func([]byte)) {
	r := reader{expr: b}
	operands := [...]string{1: "u", 2: "uu", 3: "uu", 4: "uu", 5: "", 6: "a", 7: "aa", 8: "au", 9: "uu"}
	for !r.bad {
		kind := r.fixed(1)
		if kind == 0 || kind >= uint64(len(operands)) {
			return
		}
		r.operands(0, operands[kind], ptr, 4)
		if kind != 1 && kind != 6 && kind != 9 {
			visit(r.take(r.leb(false)))
		}
	}
}

// names lists the operators of an expression, those of entry values included.
func names(expr []byte, ptr int) (list []string) {
	r := reader{expr: expr}
	for r.off < len(r.expr) && !r.bad {
		code := byte(r.fixed(1))
		first, _ := fold(code)
		x := r.operands(code, operators[first].operands, ptr, 4)
		list = append(list, operators[first].name)
		if strings.HasSuffix(operators[first].name, "entry_value") {
			list = append(list, names(x.block, ptr)...)
		}
	}
	return list
}

// builds are the compilers that places.c is built with, and the linkers.
var builds = [][2]string{
	{"arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard", "arm-none-eabi-ld"},
	{"riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32", "riscv64-unknown-elf-ld -m elf32lriscv"},
	{"riscv64-unknown-elf-gcc -march=rv64gc -mabi=lp64d", "riscv64-unknown-elf-ld"},
	{"aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ld"},
	{"i686-linux-gnu-gcc -fno-pic", "i686-linux-gnu-ld"},
	{"gcc -fno-pic", "ld"},
	{"clang --target=arm-none-eabi -mcpu=cortex-m4 -mfloat-abi=hard", "arm-none-eabi-ld"},
	{"clang --target=riscv32 -march=rv32imac", "riscv64-unknown-elf-ld -m elf32lriscv"},
	{"clang --target=riscv64 -march=rv64gc -mabi=lp64d", "riscv64-unknown-elf-ld"},
	{"clang --target=aarch64-none-elf", "aarch64-linux-gnu-ld"},
	{"clang --target=i386-linux-gnu", "i686-linux-gnu-ld"},
	{"clang --target=x86_64-linux-gnu", "ld"},
}

// programs are the ELFs at hand, and testdata/places.c built by each compiler
// that is installed.
func programs(t *testing.T) (paths []string) {
	for _, glob := range []string{
		"../../testdata/firmware/*/*.elf", "../../testdata/inspect/built/*/*/*.elf", "../../../shared/corpus/esp/*/*.elf",
	} {
		found, _ := filepath.Glob(glob)
		paths = append(paths, found...)
	}
	dir := t.TempDir()
	for i, b := range builds {
		for _, version := range []string{"3", "4", "5"} {
			o := filepath.Join(dir, fmt.Sprint(i, ".", version))
			if tool(t, b[0], "-O2", "-ffreestanding", "-gdwarf-"+version, "-c", "testdata/places.c", "-o", o+".o") &&
				tool(t, b[1], "-e", "0", "--unresolved-symbols=ignore-all", o+".o", "-o", o+".elf") {
				paths = append(paths, o+".elf")
			}
		}
	}
	return paths
}

// tool runs a command line; false if the tool is not installed.
func tool(t *testing.T, line string, args ...string) bool {
	words := strings.Fields(line)
	if _, err := exec.LookPath(words[0]); err != nil {
		if os.Getenv("CORELIFT_TOOLS") == "required" {
			t.Fatal(err)
		}
		t.Logf("%s is not installed", words[0])
		return false
	}
	if out, err := exec.Command(words[0], append(words[1:], args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", line, strings.Join(args, " "), err, out)
	}
	return true
}

// TestHarvest: every expression that compilers wrote evaluates, but for
// thread-local variables and for doubles that the frame above does not pass. Delve judges what it is known to be right about.
func TestHarvest(t *testing.T) {
	counts := map[string]int{}
	refused := map[string]int{}
	var total, judged int
	for _, path := range programs(t) {
		seen := map[string]bool{}
		harvested(t, path, func(h *harvest, a dwarf.Attr, expr []byte) {
			total++
			for _, n := range names(expr, h.ptr) {
				counts[n]++
			}
			if key := fmt.Sprint(h.unit, a, expr); seen[key] {
				return
			} else {
				seen[key] = true
			}
			l, err := Eval(expr, h)
			if a != dwarf.AttrLocation && a != dwarf.AttrFrameBase {
				_, err = Compute(expr, h, Word(0x20001000, elfcore.Known))
			}
			if typed := (*Error)(nil); errors.As(err, &typed) {
				refused[typed.Op+": "+typed.Text]++
				if typed.Text != tls && typed.Text != "the caller passed a value of another type" {
					t.Errorf("%s: %x: %v", filepath.Base(path), expr, err)
				}
				return
			}
			c := l.Slice(0, 64).Read(h)
			if a == dwarf.AttrLocation && len(expr) > 0 && c.Presence == NotInDump {
				t.Errorf("%s: %x: %v", filepath.Base(path), expr, c.Err)
			}
			if a == dwarf.AttrLocation && agrees(t, h, expr, l) {
				judged++
			}
		})
	}
	t.Logf("%d expressions, %d judged by Delve", total, judged)
	log := func(m map[string]int) {
		keys := []string{}
		for k := range m {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
		for _, k := range keys {
			t.Logf("%7d %s", m[k], k)
		}
	}
	log(counts)
	log(refused)
}

// agrees compares a place with what Delve makes of the expression. Delve knows
// fewer operators, computes in 64 bits with a sign, and takes an optimised-out
// piece for a zero: those it does not judge.
func agrees(t *testing.T, h *harvest, expr []byte, l Location) bool {
	for _, n := range names(expr, h.ptr) {
		if h.ptr == 4 && slices.Contains([]string{"DW_OP_div", "DW_OP_shr", "DW_OP_shra", "DW_OP_le", "DW_OP_lt", "DW_OP_ge", "DW_OP_gt", "DW_OP_eq", "DW_OP_ne", "DW_OP_abs"}, n) || n == "DW_OP_mod" {
			return false
		}
	}
	regs := make([]*delve.DwarfRegister, 400)
	for n := range regs {
		regs[n] = delve.DwarfRegisterFromUint64(h.Register(uint64(n)).Low)
	}
	d := delve.NewDwarfRegisters(0, regs, h.order, 0, 0, 0, 0)
	d.CFA, d.FrameBase = 0x20008000, 0x20008000
	defer func() { recover() }() // Delve panics where it is not right
	addr, pieces, err := delve.ExecuteStackProgram(*d, bytes.Clone(expr), h.ptr, func(p []byte, a uint64) (int, error) {
		h.Memory(p, elfcore.Addr(a))
		return len(p), nil
	})
	if err != nil || len(expr) == 0 {
		return false
	}
	mask := ^uint64(0) >> (64 - 8*h.ptr)
	if pieces == nil {
		a, _, ok := l.Address()
		if !ok || uint64(a) != uint64(addr)&mask {
			t.Errorf("%x: at %v, Delve says 0x%x", expr, a, uint64(addr)&mask)
		}
		return true
	}
	if len(pieces) != len(l.Pieces) {
		t.Errorf("%x: %d pieces, Delve says %d", expr, len(l.Pieces), len(pieces))
		return true
	}
	for i, p := range pieces {
		mine := l.Pieces[i]
		same := mine.Bits == 8*int64(p.Size) || p.Bytes != nil
		switch {
		case mine.Kind == Empty:
		case p.Kind == delve.RegPiece:
			same = same && mine.Kind == InRegister && mine.Register == p.Val
		case p.Kind == delve.AddrPiece:
			same = same && mine.Kind == InMemory && uint64(mine.Addr) == p.Val&mask
		case p.Bytes != nil:
			same = same && mine.Kind == Implicit && bytes.Equal(mine.Bytes, p.Bytes)
		default:
			same = same && mine.Kind == Implicit && number(mine.Bytes, false)&mask == p.Val&mask
		}
		if !same {
			t.Errorf("%x: piece %d is %+v, Delve says %+v", expr, i, mine, p)
		}
	}
	return true
}
