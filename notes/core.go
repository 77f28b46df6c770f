package notes

import "fmt"

// Core decodes the notes of owner CORE, as Linux and GDB write them.
//
// Source: Linux 6.1, include/linux/elfcore.h and uapi/linux/elfcore.h; sizes as
// in gdb-cores.md 2.
var Core = Table{
	{Owner: "CORE", Type: PRStatus, Name: "NT_PRSTATUS", Fields: linuxStatus, Holds: "signo code errno cursig sigpend sighold pid ppid pgrp sid, times, general registers, fpvalid"},
	{Owner: "CORE", Type: FPRegSet, Name: "NT_FPREGSET", Fields: registerNote, Holds: "floating point registers"},
	{Owner: "CORE", Type: PRPSInfo, Name: "NT_PRPSINFO", Fields: linuxInfo, Holds: "state sname zomb nice flag uid gid pid ppid pgrp sid fname psargs"},
	{Owner: "CORE", Type: AuxV, Name: "NT_AUXV", Fields: linuxAuxV, Holds: "entries by name"},
	{Owner: "CORE", Type: SigInfo, Name: "NT_SIGINFO", Fields: linuxSigInfo, Holds: "signo errno code, in words, then the address of a fault or the sender"},
	{Owner: "CORE", Type: File, Name: "NT_FILE", Fields: linuxFiles, Holds: "count, page_size, and each mapped file with its addresses and offset"},
}

func linuxStatus(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	if d.Arch != nil && n.Size != int64(d.Arch.Core.PRStatus) {
		d.fail("NT_PRSTATUS of %d bytes, want %d", n.Size, d.Arch.Core.PRStatus)
		return d.done()
	}
	d.structure("signo:i4=linux.signal code:i4 errno:i4 cursig:u2=linux.signal sigpend:x sighold:x pid:i4 ppid:i4 pgrp:i4 sid:i4 "+
		"utime:t stime:t cutime:t cstime:t", "")
	if d.Arch != nil {
		d.at = d.Arch.Core.Regs
		d.registers(d.Arch.Linux)
		d.structure("fpvalid:i4", "")
	}
	return d.done()
}

// linuxInfo decodes prpsinfo, whose ids have 2 bytes where it has 124.
func linuxInfo(n Note, x Context) ([]Field, error) {
	const narrow = 124
	d := open(n, x)
	if d.Arch != nil && n.Size != int64(d.Arch.Core.PRPSInfo) {
		d.fail("NT_PRPSINFO of %d bytes, want %d", n.Size, d.Arch.Core.PRPSInfo)
		return d.done()
	}
	ids := "uid:u4 gid:u4 "
	if n.Size == narrow {
		ids = "uid:u2 gid:u2 "
	}
	d.structure("state:i1 sname:s1 zomb:i1 nice:i1 flag:x "+ids+"pid:i4 ppid:i4 pgrp:i4 sid:i4 fname:s16 psargs:s80", "")
	return d.done()
}

// linuxSigInfo decodes siginfo_t.
func linuxSigInfo(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	sender := "pid:i4 uid:u4"
	if d.Is64 {
		sender = "_4 " + sender
	}
	d.sigInfo(&LinuxSignals, "signo:i4=linux.signal errno:i4 code:i4", "address:x", sender)
	return d.done()
}

// sigInfo decodes the head of siginfo_t, then the address of a fault or, for a
// signal that a program sent, the sender.
func (d *decoder) sigInfo(s *Signals, head, fault, sender string) {
	const codeOff = 8
	base := d.at
	if d.left() < codeOff+4 {
		d.fail("siginfo_t of %d bytes", d.left())
		return
	}
	signo, code := int32(d.uint(base, 4)), int32(d.uint(base+codeOff, 4))
	rest := fault
	if s.Sent(code) {
		rest = sender
	}
	before := len(d.fields)
	d.structure(head+" "+rest, "")
	if name, text := s.Code(signo, code); name != "" && len(d.fields) > before+2 {
		d.fields[before+2].Text += fmt.Sprintf(" (%s: %s)", name, text)
	}
}

// auxNames are AT_ constants of uapi/linux/auxvec.h.
var auxNames = []string{
	0: "AT_NULL", 1: "AT_IGNORE", 2: "AT_EXECFD", 3: "AT_PHDR", 4: "AT_PHENT", 5: "AT_PHNUM", 6: "AT_PAGESZ", 7: "AT_BASE", 8: "AT_FLAGS",
	9: "AT_ENTRY", 10: "AT_NOTELF", 11: "AT_UID", 12: "AT_EUID", 13: "AT_GID", 14: "AT_EGID", 15: "AT_PLATFORM", 16: "AT_HWCAP", 17: "AT_CLKTCK",
	18: "AT_FPUCW", 19: "AT_DCACHEBSIZE", 20: "AT_ICACHEBSIZE", 21: "AT_UCACHEBSIZE", 22: "AT_IGNOREPPC", 23: "AT_SECURE", 24: "AT_BASE_PLATFORM",
	25: "AT_RANDOM", 26: "AT_HWCAP2", 27: "AT_RSEQ_FEATURE_SIZE", 28: "AT_RSEQ_ALIGN", 29: "AT_HWCAP3", 30: "AT_HWCAP4", 31: "AT_EXECFN",
	32: "AT_SYSINFO", 33: "AT_SYSINFO_EHDR", 34: "AT_L1I_CACHESHAPE", 35: "AT_L1D_CACHESHAPE", 36: "AT_L2_CACHESHAPE", 37: "AT_L3_CACHESHAPE",
	40: "AT_L1I_CACHESIZE", 41: "AT_L1I_CACHEGEOMETRY", 42: "AT_L1D_CACHESIZE", 43: "AT_L1D_CACHEGEOMETRY", 44: "AT_L2_CACHESIZE",
	45: "AT_L2_CACHEGEOMETRY", 46: "AT_L3_CACHESIZE", 47: "AT_L3_CACHEGEOMETRY", 51: "AT_MINSIGSTKSZ",
}

func linuxAuxV(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.auxVector(auxNames)
	return d.done()
}

// decimalAux are the entries that are counts, sizes and ids.
var decimalAux = []string{"AT_PHENT", "AT_PHNUM", "AT_PAGESZ", "AT_UID", "AT_EUID", "AT_GID", "AT_EGID", "AT_CLKTCK", "AT_SECURE",
	"AT_RSEQ_FEATURE_SIZE", "AT_RSEQ_ALIGN", "AT_MINSIGSTKSZ", "AT_OSRELDATE", "AT_NCPUS", "AT_CANARYLEN", "AT_PAGESIZESLEN", "AT_ARGC", "AT_ENVC"}

// auxVector decodes pairs of words, up to AT_NULL.
func (d *decoder) auxVector(names []string) {
	word := d.pointer()
	for d.left() >= 2*word {
		typ, value := d.uint(d.at, word), d.uint(d.at+word, word)
		name := pick(names, typ)
		if name == "" {
			name = fmt.Sprintf("type %d", typ)
		}
		text := fmt.Sprintf("%#x", value)
		for _, decimal := range decimalAux {
			if name == decimal {
				text = fmt.Sprint(value)
			}
		}
		d.add(name, text, 2*word)
		if typ == 0 {
			return
		}
	}
}

// linuxFiles decodes the list of mapped files: count and page size, start, end
// and offset in pages of each, then the paths.
func linuxFiles(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	word := d.pointer()
	if !d.structure("count:u page_size:u", "") {
		d.fail("list of mapped files cut off")
		return d.done()
	}
	count, page := d.uint(0, word), d.uint(word, word)
	if count > uint64(d.left()/(3*word)) {
		d.fail("%d mapped files in a descriptor with %d bytes left", count, d.left())
		return d.done()
	}
	names := d.desc[d.at+int(count)*3*word:]
	for range count {
		if d.left() < 3*word {
			break // more than are shown
		}
		if len(names) == 0 {
			d.fail("paths cut off")
			break
		}
		path := upToNUL(names)
		names = names[min(len(path)+1, len(names)):]
		d.add(path, fmt.Sprintf("%#x-%#x offset %#x", d.uint(d.at, word), d.uint(d.at+word, word), d.uint(d.at+2*word, word)*page), 3*word)
	}
	return d.done()
}

// registerNote decodes the registers that the CPU has in a note. Those of a
// single precision FPU are 4 bytes wide; behind them may be padding.
func registerNote(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	if d.Arch == nil {
		return d.done()
	}
	if f := d.Arch.Core.Float; f.Owner == n.Owner && f.Type == n.Type {
		l := f.Layout
		if _, size, _ := d.Arch.Slots(l); f.Narrow && n.Size < int64(size) {
			l.Width = 4
		}
		d.registers(l)
		return d.done()
	}
	for _, more := range d.Arch.More {
		if more.Owner == n.Owner && more.Type == n.Type {
			d.registers(more.Layout)
			break
		}
	}
	return d.done()
}
