package verify

// Rule is something that stock debuggers demand of a core file.
type Rule struct {
	ID       string   `json:"rule"` // stable
	Says     string   `json:"says"`
	Severity Severity `json:"-"` // of its findings, unless they are remarks
	Effects  []Effect `json:"debuggers"`
	// Fix is what File.Fix does about it, empty if nothing can be done.
	Fix string `json:"fix,omitempty"`

	check func(*File) []deviation
}

// Effect is what a debugger does with a core that breaks a rule.
type Effect struct {
	Debugger string `json:"name"`
	Does     string `json:"does"`
}

// Rules lists all rules.
func Rules() []Rule { return rules }

// deviations are the places where a file breaks the rule. Without headers there
// is nothing else to look at.
func (r *Rule) deviations(f *File) []deviation {
	if f.core == nil && r != &rules[0] {
		return nil
	}
	return r.check(f)
}

// Debuggers: GDB is Debian's gdb-multiarch 13.1, LLDB 14.0.6. "bare GDB" is GDB
// 13.1 built for arm-none-eabi and the like, "all-target GDB" one built with
// --enable-targets=all whose default OS ABI is none.
const (
	gdb    = "GDB"
	bare   = "bare GDB"
	allGDB = "all-target GDB"
	lldb   = "LLDB"
)

const (
	notRecognised = `refuses it: "is not a core dump: file format not recognized"`
	notSupported  = `refuses it: "Core file format not supported"`
	noRegisters   = `"Couldn't find general-purpose registers in core file"`
)

// rules is in the order in which they are looked at: what one repairs the later
// ones rely on.
var rules = []Rule{
	{
		ID: "elf.headers", Says: "the ELF and program headers can be read",
		Severity: Refused, check: unreadable,
		Effects: []Effect{{gdb, notRecognised}, {lldb, "does not open it"}},
	},
	{
		ID: "elf.type", Says: "e_type is ET_CORE",
		Severity: Refused, Fix: "sets it", check: fileType,
		Effects: []Effect{{gdb, notRecognised}, {lldb, "does not open it"}},
	},
	{
		ID: "elf.entry-size", Says: "e_phentsize is the size of a program header",
		Severity: Refused, Fix: "sets it", check: entrySize,
		Effects: []Effect{{gdb, notRecognised}},
	},
	{
		ID: "elf.segments", Says: "from 65,535 segments on, a section header has their number",
		Severity: Wrong, Fix: "writes the section header", check: lostCount,
		Effects: []Effect{{gdb, "sees 65,535 segments, or does not open it"}, {lldb, "sees 65,535 segments"}},
	},
	{
		ID: "elf.segment-types", Says: "a core of AArch64 has no segments of types that GDB does not know",
		Severity: Refused, Fix: "makes the type PT_NULL", check: unknownSegments,
		Effects: []Effect{{gdb, noRegisters}},
	},
	{
		ID: "elf.rve", Says: "a 64-bit RISC-V core does not claim RV32E",
		Severity: Refused, Fix: "clears the flag", check: reducedRegisters,
		Effects: []Effect{{gdb, `refuses it: "64-bit ELF with RV32E flag set!"`}},
	},
	{
		ID: "elf.arm-eabi", Says: "e_flags of ARM names version 4 or 5 of the EABI, or none",
		Severity: Warning, check: unknownEABI,
		Effects: []Effect{{gdb, `"unknown ARM EABI version", and guesses the ABI`}},
	},
	{
		ID: "elf.os", Says: "EI_OSABI names no other system than the notes are of",
		Severity: Refused, Fix: "sets what the CPU needs", check: otherSystem,
		Effects: []Effect{{gdb, `refuses it: "A handler for the OS ABI ... is not built into this configuration"`}, {lldb, "refuses it, or looks for that system's notes"}},
	},
	{
		ID: "elf.os-lldb", Says: "EI_OSABI is Linux, or a note has the owner LINUX",
		Severity: Refused, Fix: "sets EI_OSABI", check: unknownToLLDB,
		Effects: []Effect{{lldb, `refuses it: "Don't know how to parse core file. Unsupported OS"`}},
	},
	{
		ID: "elf.os-riscv", Says: "EI_OSABI of RISC-V is not Linux",
		Severity: Refused, Fix: "sets it to 0", check: fatalToLLDB,
		Effects: []Effect{{lldb, "crashes"}},
	},
	{
		ID: "elf.cpu", Says: "the CPU is one whose rules are known here",
		Severity: Warning, check: unknownCPU,
		Effects: []Effect{{gdb, "refuses it unless it knows the CPU; its registers are not checked here"}},
	},
	{
		ID: "elf.system", Says: "the system is one whose rules are known here",
		Severity: Warning, check: unknownSystem,
		Effects: []Effect{{gdb, "opens it only with a handler for that system; its threads are not checked here"}},
	},
	{
		ID: "elf.freebsd", Says: "cores of FreeBSD need a GDB that knows FreeBSD",
		Severity: Remark, check: freeBSD,
		Effects: []Effect{{gdb, "refuses it, if built without FreeBSD's handler as Debian's is; FreeBSD's own and those with all targets open it"}},
	},
	{
		ID: "elf.xtensa", Says: "cores of Xtensa need the chip vendor's GDB",
		Severity: Remark, check: vendorCPU,
		Effects: []Effect{{gdb, "has no Xtensa"}, {lldb, "has no Xtensa"}},
	},
	{
		ID: "notes.align", Says: "p_align of a note segment is 4 at most",
		Severity: Refused, Fix: "pads to 4 and says so", check: noteAlign,
		Effects: []Effect{{gdb, "does not recognise it, unless notes are padded to 8 bytes"}, {lldb, "refuses it if they are"}},
	},
	{
		ID: "notes.damaged", Says: "note segments hold whole notes",
		Severity: Refused, Fix: "keeps the notes that can be read", check: damagedNotes,
		Effects: []Effect{{gdb, notRecognised}, {lldb, "refuses it"}},
	},
	{
		ID: "notes.owner", Says: "notes have the owner that debuggers take them from",
		Severity: Warning, Fix: "sets the owner", check: wrongOwners,
		Effects: []Effect{{gdb, "does not show the registers"}, {lldb, "shows no threads, of NT_PRSTATUS"}},
	},
	{
		ID: "notes.private", Says: "private notes have types that no core note has",
		Severity: Wrong, Fix: "gives them other types", check: privateNotes,
		Effects: []Effect{{gdb, "takes them for its own: a thread, a name, registers that are none"}},
	},
	{
		ID: "notes.order", Says: "notes of a thread follow its NT_PRSTATUS",
		Severity: Wrong, Fix: "moves them", check: noteOrder,
		Effects: []Effect{{gdb, "gives them to the thread before, or to none"}, {lldb, "the same"}},
	},
	{
		ID: "threads.none", Says: "each thread has a NT_PRSTATUS",
		Severity: Warning, check: noThreads,
		Effects: []Effect{{gdb, noRegisters}, {lldb, "shows no threads"}},
	},
	{
		ID: "threads.size", Says: "NT_PRSTATUS has the exact size that the CPU demands",
		Severity: Refused, Fix: "cuts or pads it where pc and stack pointer prove that registers are in their place", check: statusSizes,
		Effects: []Effect{{gdb, noRegisters + "; the thread is not there"}},
	},
	{
		ID: "threads.id", Says: "thread ids are unique",
		Severity: Wrong, Fix: "gives the later ones other ids", check: duplicateIDs,
		Effects: []Effect{{gdb, `loses the session: "The current thread has terminated"`}, {lldb, "shows one of the two"}},
	},
	{
		ID: "threads.id-zero", Says: "thread ids are not 0",
		Severity: Wrong, Fix: "gives it another id", check: zeroIDs,
		Effects: []Effect{{gdb, "takes the thread for the process"}},
	},
	{
		ID: "threads.signal", Says: "all threads have the signal of the one that crashed",
		Severity: Wrong, Fix: "gives all that signal", check: signals,
		Effects: []Effect{{gdb, "names the signal of the last thread"}, {lldb, "shows each thread its own"}},
	},
	{
		ID: "threads.handler", Says: "the first thread is not in an exception handler with its frame on the process stack",
		Severity: Wrong, check: processStacks,
		Effects: []Effect{{gdb, "unwinds from the handler's own stack"}},
	},
	{
		ID: "threads.fpccr", Says: "with a floating point exception frame, FPCCR and FPCAR are in the core",
		Severity: Wrong, check: floatFrames,
		Effects: []Effect{{gdb, `ends the back trace: "Could not fetch required FPCCR content"`}},
	},
	{
		ID: "description.xml", Says: "the target description is XML that GDB takes",
		Severity: Warning, Fix: "makes one from the notes", check: notXML,
		Effects: []Effect{{gdb, `does without: "Could not load XML target description; ignoring"`}},
	},
	{
		ID: "description.architecture", Says: "the target description is of the core's CPU",
		Severity: Refused, Fix: "takes the architecture out", check: otherArchitecture,
		Effects: []Effect{{gdb, `does without, or refuses the core: "Selected architecture ... is not compatible"`}},
	},
	{
		ID: "description.os-unknown", Says: "the target description names an OS ABI that GDB knows",
		Severity: Warning, Fix: "sets what the CPU needs", check: unknownOSABI,
		Effects: []Effect{{gdb, `"Target description specified unknown osabi"`}},
	},
	{
		ID: "description.os", Says: "the target description names an OS ABI that has core files of the CPU",
		Severity: Refused, Fix: "sets what the CPU needs", check: wrongOSABI,
		Effects: []Effect{{gdb, notSupported}, {bare, notSupported}},
	},
	{
		ID: "description.os-missing", Says: "the target description of a bare x86 or AArch64 names the OS ABI GNU/Linux",
		Severity: Warning, Fix: "adds it", check: missingOSABI,
		Effects: []Effect{{allGDB, notSupported}},
	},
	{
		ID: "description.os-riscv", Says: "the target description of a bare RISC-V names the OS ABI none",
		Severity: Warning, Fix: "adds it", check: bareRISCV,
		Effects: []Effect{{gdb, "does not show control registers, or warns of the size of floating point registers"}},
	},
	{
		ID: "description.system", Says: "the target description has no stack pointers that no note fills",
		Severity: Wrong, Fix: "takes the feature out", check: unfilledSystem,
		Effects: []Effect{{gdb, `ends the back trace: "Register 91 is not available"`}},
	},
	{
		ID: "description.registers", Says: "the target description has the registers that GDB demands",
		Severity: Refused, Fix: "makes the feature anew", check: lackingRegisters,
		Effects: []Effect{{gdb, notSupported}},
	},
	{
		ID: "description.width", Says: "the target description has registers of the CPU's width",
		Severity: Wrong, Fix: "makes the feature anew", check: otherWidths,
		Effects: []Effect{{gdb, "shows bytes of other registers, or too few"}},
	},
	{
		ID: "description.float", Says: "the target description of an AArch64 has both features or none",
		Severity: Refused, Fix: "takes the features out", check: lackingFloats,
		Effects: []Effect{{gdb, "internal error"}},
	},
	{
		ID: "float.size", Says: "the note of floating point registers has its exact size",
		Severity: Warning, Fix: "cuts it, or pads what holds no register", check: floatSizes,
		Effects: []Effect{{gdb, `"Section ... in core file too small", and no registers; "Unexpected size of section"`}},
	},
	{
		ID: "float.undescribed", Says: "floating point registers are in the target description",
		Severity: Warning, Fix: "describes them", check: undescribedFloats,
		Effects: []Effect{{gdb, "does not show them"}},
	},
	{
		ID: "control.size", Says: "control registers are as many as the target description has",
		Severity: Warning, Fix: "cuts the note, or the description to what all notes have", check: controlSizes,
		Effects: []Effect{{gdb, `"Section ... in core file too small", and no registers; "Unexpected size of section"`}},
	},
	{
		ID: "control.undescribed", Says: "control registers are in the target description",
		Severity: Warning, check: undescribedControl,
		Effects: []Effect{{gdb, "does not show them"}},
	},
	{
		ID: "name.size", Says: "NT_PRPSINFO has the exact size that the CPU demands",
		Severity: Warning, Fix: "writes it in the CPU's layout", check: infoSizes,
		Effects: []Effect{{gdb, "does not name the program, or a wrong one"}},
	},
	{
		ID: "name.last", Says: "of several NT_PRPSINFO the last names the program",
		Severity: Warning, Fix: "moves it there", check: lastName,
		Effects: []Effect{{gdb, `"core file may not match specified executable file"`}},
	},
	{
		ID: "name.program", Says: "NT_PRPSINFO names the program's file, or the build-ids are equal",
		Severity: Warning, Fix: "writes the name, or the build-id if the name is too long", check: programName,
		Effects: []Effect{{gdb, `"core file may not match specified executable file"`}},
	},
	{
		ID: "memory.truncated", Says: "the file has all bytes that its segments say",
		Severity: Warning, Fix: "cuts the segments", check: cutSegments,
		Effects: []Effect{{gdb, `"has a segment extending past end of file"`}},
	},
	{
		ID: "memory.overlap", Says: "segments do not overlap",
		Severity: Warning, Fix: "keeps the bytes that GDB shows", check: overlaps,
		Effects: []Effect{{gdb, "shows the bytes of the first"}, {lldb, "fails to read some of the bytes"}},
	},
	{
		ID: "memory.zero", Says: "memory that is not in the file is in no segment",
		Severity: Wrong, Fix: "cuts the segments", check: zeroedMemory,
		Effects: []Effect{{gdb, "shows zeros"}, {lldb, `"read memory failed"`}},
	},
	{
		ID: "memory.initial", Says: "RAM that the program writes is in the core",
		Severity: Wrong, Fix: "makes it unreadable where the CPU's OS ABI allows that, and adds the program's code", check: initialValues,
		Effects: []Effect{{gdb, "shows the values that the program starts with, without a word"}, {lldb, "the same, of memory"}},
	},
	{
		ID: "files.damaged", Says: "NT_FILE has as many entries and paths as it says",
		Severity: Warning, Fix: "keeps those that can be read", check: damagedFiles,
		Effects: []Effect{{gdb, `"malformed note", and knows no mapped files`}},
	},
	{
		ID: "files.missing", Says: "mapped files exist where the debugger runs",
		Severity: Warning, check: missingFiles,
		Effects: []Effect{{gdb, `"Can't open file ... during file-backed mapping note processing"`}},
	},
	{
		ID: "files.code", Says: "with NT_FILE, the code of a bare target is in the core",
		Severity: Wrong, Fix: "adds the program's code and constants", check: hiddenCode,
		Effects: []Effect{{gdb, `reads none from the program: "Cannot access memory", and unwinds wrongly`}},
	},
	{
		ID: "program.machine", Says: "program and core have one CPU, class and byte order",
		Severity: Wrong, check: otherMachine,
		Effects: []Effect{{gdb, `"core file may not match specified executable file", and shows garbage`}},
	},
	{
		ID: "program.build-id", Says: "program and core have one build-id",
		Severity: Wrong, check: otherBuildID,
		Effects: []Effect{{gdb, "shows another program's names, without a word if the file names agree"}},
	},
	{
		ID: "program.entry", Says: "AT_ENTRY is the program's e_entry, with the Thumb bit",
		Severity: Wrong, Fix: "sets it", check: entry,
		Effects: []Effect{{lldb, "shows addresses without symbols"}},
	},
	{
		ID: "program.flags", Says: "e_flags are the program's",
		Severity: Remark, Fix: "sets them", check: otherFlags,
		Effects: []Effect{{gdb, "takes the float ABI and RV32E from them if it is not given the program"}},
	},
	{
		ID: "program.newer", Says: "the program is not newer than the core",
		Severity: Warning, Fix: "writes a copy, which is newer", check: newerProgram,
		Effects: []Effect{{gdb, `"exec file is newer than core file"`}},
	},
}
