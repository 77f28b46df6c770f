package readelf

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// property is a kind of GNU property that is a set of bits.
//
// Source: the Linux extensions to the gABI, and the psABIs of x86 and AArch64.
type property struct {
	typ      uint32
	machines []elf.Machine // nil for all
	text     string
	none     string // said of an empty set
	bits     []string
}

var (
	x86      = []elf.Machine{elf.EM_386, elf.EM_X86_64}
	isaBits  = []string{"x86-64-baseline", "x86-64-v2", "x86-64-v3", "x86-64-v4"}
	unitBits = []string{"x86", "x87", "MMX", "XMM", "YMM", "ZMM", "FXSR", "XSAVE", "XSAVEOPT", "XSAVEC", "TMM", "MASK"}
)

// properties are those whose bits have names. Those that x86 used before 2020
// are not among them.
var properties = []property{
	{0xb0008000, nil, "1_needed", "", []string{"indirect external access"}},
	{0xc0000002, x86, "x86 feature", "<None>", []string{"IBT", "SHSTK", "LAM_U48", "LAM_U57"}},
	{0xc0008002, x86, "x86 ISA needed", "", isaBits},
	{0xc0010002, x86, "x86 ISA used", "", isaBits},
	{0xc0008001, x86, "x86 feature needed", "<None>", unitBits},
	{0xc0010001, x86, "x86 feature used", "<None>", unitBits},
	{0xc0000000, []elf.Machine{elf.EM_AARCH64}, "AArch64 feature", "", []string{"BTI", "PAC"}},
}

// propertyKinds name the types without a meaning of their own, each from the
// last one's end on. The sets of bits that linkers join by AND or OR have
// values, the others data.
var propertyKinds = []struct {
	end  uint64
	name string
	set  bool
}{
	{0xb0000000, "unknown", false},
	{0xb0008000, "UINT32_AND", true},
	{0xb0010000, "UINT32_OR", true},
	{0xc0000000, "unknown", false},
	{0xe0000000, "processor-specific", false},
	{1 << 32, "application-specific", false},
}

// printProperties prints the properties of NT_GNU_PROPERTY_TYPE_0.
func (w *writer) printProperties(n *gnuNote, desc []byte) {
	const head = 8 // type and size
	w.WriteString("      Properties: ")
	if len(desc) < head || len(desc)%n.word != 0 {
		w.printf("<corrupt GNU_PROPERTY_TYPE, size = %s>\n", hexC(uint64(len(desc))))
		return
	}
	between := "\n\t"
	if n.wide {
		between = ", "
	}
	for next := ""; len(desc) > 0; next = between {
		w.WriteString(next)
		if len(desc) < head {
			w.printf("<corrupt descsz: %#x>\n", n.Size)
			break
		}
		typ, size := n.order.Uint32(desc), n.order.Uint32(desc[4:])
		if desc = desc[head:]; uint64(size) > uint64(len(desc)) {
			w.printf("<corrupt type (%#x) datasz: %#x>\n", typ, size)
			break
		}
		w.WriteString(n.property(typ, desc[:size]))
		desc = desc[min(len(desc), (int(size)+n.word-1)/n.word*n.word):]
	}
	w.WriteByte('\n')
}

// property is the text of one property.
func (n *gnuNote) property(typ uint32, data []byte) string {
	const stackSize, noCopy = 1, 2
	value := func(size int, text func() string) string {
		if len(data) != size {
			return fmt.Sprintf("<corrupt length: %s> ", hexC(uint64(len(data))))
		}
		return text()
	}
	switch typ {
	case stackSize:
		return "stack size: " + value(n.word, func() string { return hexC(n.number(data)) })
	case noCopy:
		return "no copy on protected " + value(0, func() string { return "" })
	}
	for _, p := range properties {
		if p.typ == typ && (p.machines == nil || slices.Contains(p.machines, n.machine)) {
			return p.text + ": " + value(4, func() string { return p.names(n.order.Uint32(data)) })
		}
	}
	for _, k := range propertyKinds {
		switch {
		case uint64(typ) >= k.end:
		case k.set:
			return fmt.Sprintf("%s (%#x): ", k.name, typ) + value(4, func() string { return hexC(uint64(n.order.Uint32(data))) })
		default:
			var bytes strings.Builder
			for _, b := range data {
				fmt.Fprintf(&bytes, "%02x ", b)
			}
			return fmt.Sprintf("<%s type %#x data: %s>", k.name, typ, &bytes)
		}
	}
	return ""
}

// names lists the bits of a set.
func (p *property) names(v uint32) string {
	var set []string
	for i := range 32 {
		switch bit := uint32(1) << i; {
		case v&bit == 0:
		case i < len(p.bits):
			set = append(set, p.bits[i])
		default:
			set = append(set, fmt.Sprintf("<unknown: %x>", bit))
		}
	}
	if len(set) == 0 {
		return p.none
	}
	return strings.Join(set, ", ")
}

// hexC is a number as %#x of C prints it, which leaves 0 as it is.
func hexC(v uint64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", v)
}
