package verify

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// maxDescription bounds a target description, in bytes, as in elfcore.
const maxDescription = 64 << 10

const (
	controlFeature = "org.gnu.gdb.riscv.csr"
	systemFeature  = "org.gnu.gdb.arm.m-system"
)

// description is a target description with the places of what is in it, for
// edits that leave the rest as it is.
type description struct {
	note         *note
	text         string
	fault        string // why it is not XML, or no target description
	architecture *element
	osabi        *element
	features     []*feature
	inside       int // offset behind <target>, or behind what must come before features
	end          int // offset of </target>
}

// element is from one offset of the text to another.
type element struct {
	from, to int
	value    string
}

type feature struct {
	element   // value is the name
	registers []register
}

type register struct {
	element // value is the name
	bits    int
}

// description reads the one that GDB takes, the first; nil if there is none or
// it is empty.
func (f *File) description() *description {
	if !f.described {
		f.described, f.parsed = true, nil
		for _, n := range f.notes {
			if n.is("GDB", notes.TDesc) {
				if text, _, _ := bytes.Cut(n.read(), []byte{0}); len(text) > 0 {
					f.parsed = parseDescription(n, string(text))
				}
				break
			}
		}
	}
	return f.parsed
}

func parseDescription(n *note, text string) *description {
	d := &description{note: n, text: text}
	if len(text) > maxDescription {
		d.fault = fmt.Sprintf("%d bytes", len(text))
	} else if err := d.parse(); err != nil {
		d.fault = err.Error()
	}
	return d
}

func (d *description) parse() error {
	// encoding/xml does not look at the characters between and in tags.
	if i := strings.IndexFunc(d.text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) }); i >= 0 {
		return fmt.Errorf("control character %#02x at %d", d.text[i], i)
	}
	x := xml.NewDecoder(strings.NewReader(d.text))
	utf := true
	x.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) {
		utf = false
		return in, nil
	}
	var path []string
	var open element         // the architecture or osabi being read
	own := map[string]bool{} // types that the feature being read defines
	for {
		from := int(x.InputOffset())
		token, err := x.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		to := int(x.InputOffset())
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if len(path) == 0 && name != "target" {
				return fmt.Errorf("the root is %s, not target", name)
			}
			path = append(path, name)
			if err := demanded(path, token, own); err != nil {
				return err
			}
			switch {
			case len(path) == 1:
				d.inside = to
			case len(path) == 2 && (name == "architecture" || name == "osabi"):
				open = element{from: from}
			case len(path) == 2 && name == "feature":
				clear(own)
				d.features = append(d.features, &feature{element: element{from: from, value: attribute(token, "name")}})
			case len(path) == 3 && path[1] == "feature" && name == "reg":
				bits, _ := strconv.Atoi(attribute(token, "bitsize"))
				last := d.features[len(d.features)-1]
				last.registers = append(last.registers, register{element{from: from, value: attribute(token, "name")}, bits})
			}
		case xml.CharData:
			if len(path) == 2 {
				open.value += string(token)
			}
		case xml.Directive:
			if text := string(token); strings.Contains(text, "SYSTEM") && !strings.Contains(text, `"gdb-target.dtd"`) {
				return errors.New("the DTD is not gdb-target.dtd, the only one that GDB brings along")
			}
		case xml.EndElement:
			d.close(path, open, from, to)
			path = path[:len(path)-1]
		}
	}
	switch {
	case d.inside == 0:
		return errors.New("no element target")
	case utf && !utf8.ValidString(d.text):
		return errors.New("it is not UTF-8")
	}
	return nil
}

// demanded checks the attributes of the innermost element as GDB 13 does, which
// goes without the description else. own are the types that its feature has
// defined so far; those that it defines are added.
func demanded(path []string, e xml.StartElement, own map[string]bool) error {
	name := attribute(e, "name")
	switch inFeature := len(path) == 3 && path[1] == "feature"; {
	case len(path) == 1:
		if v := attribute(e, "version"); v != "" && v != "1.0" {
			return fmt.Errorf("version %q of target", v)
		}
	case len(path) == 2 && path[1] == "feature" && name == "":
		return errors.New("a feature without a name")
	case inFeature && path[2] == "reg":
		if name == "" || attribute(e, "bitsize") == "" {
			return fmt.Errorf("a register without name or bitsize (%q)", name)
		}
		if typ := attribute(e, "type"); typ != "" && !slices.Contains(registerTypes, typ) && !own[typ] {
			return fmt.Errorf("register %s has type %q, which nothing defines", name, typ)
		}
	case inFeature:
		own[attribute(e, "id")] = true
	}
	return nil
}

// registerTypes are those that GDB 13 knows without a definition.
var registerTypes = []string{
	"int", "float", "bool", "int8", "int16", "int32", "int64", "int128", "uint8", "uint16", "uint32", "uint64", "uint128", "code_ptr", "data_ptr",
	"ieee_half", "ieee_single", "ieee_double", "bfloat16", "arm_fpa_ext", "i387_ext",
}

// close ends the innermost element of path.
func (d *description) close(path []string, open element, from, to int) {
	switch {
	case len(path) == 1:
		d.end = from
	case len(path) == 2 && (path[1] == "architecture" || path[1] == "osabi"):
		open.to, open.value = to, strings.TrimSpace(open.value)
		d.inside = to
		if path[1] == "osabi" {
			d.osabi = &open
		} else {
			d.architecture = &open
		}
	case len(path) == 2 && path[1] == "feature":
		d.features[len(d.features)-1].to = to
	case len(path) == 3 && path[1] == "feature" && path[2] == "reg":
		last := d.features[len(d.features)-1]
		last.registers[len(last.registers)-1].to = to
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// feature finds a feature by its name, nil if there is none.
func (d *description) feature(name string) *feature {
	for _, x := range d.features {
		if x.value == name {
			return x
		}
	}
	return nil
}

// splice replaces a part of the text.
func (f *File) splice(d *description, from, to int, text string) {
	f.describe(d.text[:from] + text + d.text[to:])
}

// describe sets the target description.
func (f *File) describe(text string) {
	if d := f.description(); d != nil {
		d.note.set([]byte(text))
	} else {
		f.notes = append(f.notes, newNote("GDB", notes.TDesc, []byte(text)))
	}
	f.described = false
}

// generated is the target description that elfcore's writer makes, with
// floating point registers of so many bits, 0 for none.
func (f *File) generated(floatBits int) *description {
	c := elfcore.New("", f.arch, f.order)
	c.Flags, c.HasFlags = f.header.Flags, true
	c.Program.FloatBits = floatBits
	text, _ := c.TargetDescription()
	return parseDescription(nil, text)
}

// floatBits is the width of the registers in the notes of floating point
// registers, 0 if there are none.
func (f *File) floatBits() int {
	list := f.floatNotes()
	switch {
	case len(list) == 0:
		return 0
	case f.arch.Core.Float.Narrow && list[0].size < riscvFloats*8:
		return 32
	}
	return 64
}

// osabi is the OS ABI that the target description names, if GDB knows it.
func (f *File) osabi() string {
	if d := f.description(); d != nil && d.osabi != nil && slices.Contains(osABIs, d.osabi.value) {
		return d.osabi.value
	}
	return ""
}

// osABIs are the names that GDB 13 knows.
var osABIs = []string{
	"none", "SVR4", "GNU/Hurd", "Solaris", "GNU/Linux", "FreeBSD", "NetBSD", "OpenBSD", "Windows CE", "DJGPP", "QNX-Neutrino",
	"Cygwin", "Windows", "AIX", "DICOS", "Darwin", "OpenVMS", "LynxOS178", "Newlib", "SDE", "PikeOS",
}

// setOSABI names the OS ABI that is right for the CPU.
func (f *File) setOSABI(d *description) string {
	want := f.arch.Core.TDescOS
	text := ""
	if want != "" {
		text = "<osabi>" + want + "</osabi>"
	}
	from, to := d.inside, d.inside
	if d.osabi != nil {
		from, to = d.osabi.from, d.osabi.to
	}
	f.splice(d, from, to, text)
	if want == "" {
		return "the target description names no OS ABI any more"
	}
	return "the target description names the OS ABI " + want
}

// notXML: GDB does without a target description that it can't read.
func notXML(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault == "" || f.arch == nil {
		return nil
	}
	return at(d.note.off, "a target description that is none: "+d.fault, "XML, as GDB's manual has it", func() string {
		text := f.generated(f.floatBits()).text
		if text == "" {
			f.remove(d.note)
			f.described = false
			return "the target description is gone; this CPU needs none"
		}
		f.describe(text)
		return "a target description made from the notes takes its place"
	})
}

// architectures are the names that GDB has for a CPU, as patterns of path.Match.
var architectures = map[*arch.Arch][]string{
	arch.ARM: {"arm*", "iwmmxt*", "xscale", "ep9312"}, arch.CortexM: {"arm*"}, arch.AArch64: {"aarch64*"},
	arch.RV32: {"riscv", "riscv:rv32*"}, arch.RV64: {"riscv", "riscv:rv64*"},
	arch.I386: {"i386", "i386:intel", "i8086"}, arch.AMD64: {"i386:x86-64*", "i386:x64-32*"}, arch.Xtensa: {"xtensa*"},
}

// otherArchitecture: the target description is of another CPU.
func otherArchitecture(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault != "" || d.architecture == nil || f.arch == nil {
		return nil
	}
	name := d.architecture.value
	for _, pattern := range architectures[f.arch] {
		if ok, _ := path.Match(pattern, name); ok {
			return nil
		}
	}
	return at(d.note.off, fmt.Sprintf("a target description for %q", name), "one for "+f.arch.Name, func() string {
		f.splice(d, d.architecture.from, d.architecture.to, "")
		return "the target description names no architecture any more"
	})
}

// unknownOSABI: GDB does without an OS ABI that it does not know.
func unknownOSABI(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault != "" || d.osabi == nil || f.arch == nil || slices.Contains(osABIs, d.osabi.value) {
		return nil
	}
	return at(d.note.off, fmt.Sprintf("OS ABI %q in the target description", d.osabi.value), "one that GDB knows", func() string { return f.setOSABI(d) })
}

// wrongOSABI: the OS ABI that the target description names has no core files of
// this CPU. Processes and RISC-V may well be of GNU/Linux; for bare RISC-V
// there is another rule.
func wrongOSABI(f *File) []deviation {
	d, abi := f.description(), f.osabi()
	if abi == "" || d.fault != "" || f.arch == nil || f.status.System != elfcore.FormatLinux {
		return nil
	}
	want := f.arch.Core.TDescOS
	switch {
	case abi == want, abi == "none" && want == "", abi == "GNU/Linux" && (f.process || f.arch.Core.CSR):
		return nil
	}
	return at(d.note.off, fmt.Sprintf("OS ABI %s in the target description", abi), cmp.Or(want, "none named"), func() string { return f.setOSABI(d) })
}

// missingOSABI: of x86 and AArch64 only GDB's handler for Linux reads cores.
func missingOSABI(f *File) []deviation {
	if f.arch == nil || f.arch.Core.TDescOS != "GNU/Linux" || f.process || f.status.System != elfcore.FormatLinux {
		return nil
	}
	d := f.description()
	if d != nil && (d.fault != "" || d.osabi != nil) {
		return nil
	}
	off := int64(-1)
	if d != nil {
		off = d.note.off
	}
	return at(off, "no target description that names the OS ABI", "GNU/Linux", func() string {
		if d == nil {
			f.describe(f.generated(0).text)
			return "a target description names the OS ABI GNU/Linux"
		}
		return f.setOSABI(d)
	})
}

// bareRISCV: only under OS ABI none GDB reads control registers, and takes
// floating point registers without padding.
func bareRISCV(f *File) []deviation {
	if f.arch == nil || !f.arch.Core.CSR || f.process || f.osabi() == "none" {
		return nil
	}
	var needs *note
	for _, n := range f.notes {
		if n.is("GDB", notes.RISCVCSR) || n.is("CORE", notes.FPRegSet) && n.size%8 == riscvStatus {
			needs = n
			break
		}
	}
	d := f.description()
	if needs == nil || d != nil && d.fault != "" {
		return nil
	}
	return at(needs.off, "registers as OS ABI none has them, which the target description does not name", "<osabi>none</osabi>", func() string {
		if d == nil {
			f.describe(f.generated(f.floatBits()).text)
			return "a target description made from the notes names the OS ABI none"
		}
		return f.setOSABI(d)
	})
}

// unfilledSystem: no core note fills the stack pointers that the feature has.
func unfilledSystem(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault != "" {
		return nil
	}
	x := d.feature(systemFeature)
	if x == nil {
		return nil
	}
	return at(d.note.off, "feature "+systemFeature+" in the target description", "none, as no core note has its registers", func() string {
		f.splice(d, x.from, x.to, "")
		return "the target description is without " + systemFeature
	})
}

// mandatory are the registers without which GDB refuses a feature, other names
// after a bar. Of RISC-V's integer registers RV32E has 16.
var mandatory = map[string]string{
	"org.gnu.gdb.arm.m-profile": "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp|r13 lr|r14 pc|r15 xpsr",
	"org.gnu.gdb.arm.core":      "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp|r13 lr|r14 pc|r15 cpsr",
	"org.gnu.gdb.arm.vfp":       "d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 d10 d11 d12 d13 d14 d15 fpscr",
	"org.gnu.gdb.aarch64.core": "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 x30 " +
		"sp pc cpsr",
	"org.gnu.gdb.riscv.cpu": "zero|x0 ra|x1 sp|x2 gp|x3 tp|x4 t0|x5 t1|x6 t2|x7 s0|fp|x8 s1|x9 a0|x10 a1|x11 a2|x12 a3|x13 a4|x14 a5|x15 pc",
}

// coreFeatures are the features of which GDB demands one if the target
// description has any.
var coreFeatures = map[*arch.Arch][]string{
	arch.ARM: {"org.gnu.gdb.arm.core", "org.gnu.gdb.arm.m-profile"}, arch.CortexM: {"org.gnu.gdb.arm.m-profile", "org.gnu.gdb.arm.core"},
	arch.AArch64: {"org.gnu.gdb.aarch64.core"}, arch.RV32: {"org.gnu.gdb.riscv.cpu"}, arch.RV64: {"org.gnu.gdb.riscv.cpu"},
}

// lackingRegisters: GDB refuses the whole core.
func lackingRegisters(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault != "" || len(d.features) == 0 || f.arch == nil {
		return nil
	}
	core := coreFeatures[f.arch]
	if len(core) > 0 && !slices.ContainsFunc(core, func(name string) bool { return d.feature(name) != nil }) {
		return at(d.note.off, "a target description without feature "+core[0], "it, as there are others", func() string { return f.regenerate(d, core[0], nil) })
	}
	for _, x := range d.features {
		var lack []string
		for _, names := range strings.Fields(mandatory[x.value]) {
			if !slices.ContainsFunc(strings.Split(names, "|"), x.has) {
				name, _, _ := strings.Cut(names, "|")
				lack = append(lack, name)
			}
		}
		if f.arch.Core.CSR && len(lack) == 0 {
			lack = f.misfits(x) // GDB does not take those of RISC-V
		}
		if len(lack) > 0 {
			return at(d.note.off, fmt.Sprintf("feature %s without %s", x.value, strings.Join(lack, ", ")), "all registers that GDB demands", func() string { return f.regenerate(d, x.value, x) })
		}
	}
	return nil
}

// misfits lists the registers of the CPU that the feature does not have in
// their width.
func (f *File) misfits(x *feature) (list []string) {
	if !slices.Contains(coreFeatures[f.arch], x.value) {
		return nil
	}
	names := strings.FieldsFunc(mandatory[x.value], func(r rune) bool { return r == ' ' || r == '|' })
	for _, r := range x.registers {
		bits := 8 * f.word()
		if f.arch == arch.AArch64 && r.value == "cpsr" {
			bits = 32
		}
		if r.bits != bits && slices.Contains(names, r.value) {
			list = append(list, fmt.Sprintf("%s of %d bits", r.value, bits))
		}
	}
	return list
}

// otherWidths: GDB reads each register at the width of the description, so that
// it takes bytes of the next for its own.
func otherWidths(f *File) []deviation {
	d := f.description()
	if d == nil || d.fault != "" || f.arch == nil || f.arch.Core.CSR {
		return nil
	}
	for _, x := range d.features {
		if list := f.misfits(x); len(list) > 0 {
			return at(d.note.off, fmt.Sprintf("feature %s without %s", x.value, strings.Join(list, ", ")), "registers of the CPU's width", func() string { return f.regenerate(d, x.value, x) })
		}
	}
	return nil
}

func (x *feature) has(name string) bool {
	return slices.ContainsFunc(x.registers, func(r register) bool { return r.value == name })
}

// regenerate puts the feature that elfcore's writer makes in the place of one,
// or first if there is none. Where the writer makes none the description goes
// without any.
func (f *File) regenerate(d *description, name string, old *feature) string {
	made := f.generated(64)
	x := made.feature(name)
	if x == nil && old != nil && slices.Contains(coreFeatures[f.arch], name) {
		x = made.feature(f.arch.Core.Feature)
	}
	if x == nil {
		f.describe(made.text)
		return "the target description has no registers any more, which are those of the CPU then"
	}
	from, to := d.inside, d.inside
	if old != nil {
		from, to = old.from, old.to
	}
	f.splice(d, from, to, made.text[x.from:x.to])
	return "feature " + x.value + " of the target description is made anew"
}

// lackingFloats: AArch64 without its floating point feature ends GDB.
func lackingFloats(f *File) []deviation {
	const core, fpu = "org.gnu.gdb.aarch64.core", "org.gnu.gdb.aarch64.fpu"
	d := f.description()
	if f.arch != arch.AArch64 || d == nil || d.fault != "" || d.feature(core) == nil || d.feature(fpu) != nil {
		return nil
	}
	return at(d.note.off, "feature "+core+" without "+fpu, "both or none", func() string { return f.regenerate(d, fpu, nil) })
}

// describeFloats adds the floating point registers.
func (f *File) describeFloats() string {
	made := f.generated(f.floatBits())
	x := made.feature(f.arch.Core.Float.Feature)
	d := f.description()
	if d == nil {
		f.describe(made.text)
		return "a target description made from the notes has the floating point registers"
	}
	f.splice(d, d.end, d.end, made.text[x.from:x.to])
	return "the target description has the floating point registers"
}

// keepRegisters cuts a feature to its first n registers.
func (f *File) keepRegisters(name string, n int) {
	d := f.description()
	x := d.feature(name)
	f.splice(d, x.registers[n-1].to, x.registers[len(x.registers)-1].to, "")
}
