package notes

import (
	"debug/elf"
	"fmt"
	"strings"
)

// FreeBSD decodes the notes of FreeBSD's cores.
//
// Source: others.md 8; FreeBSD's sys/user.h, sys/procfs.h, sys/ptrace.h and
// kern/imgact_elf.c. Lists begin with the size of one structure.
var FreeBSD = Table{
	{Owner: "FreeBSD", Type: PRStatus, Name: "NT_PRSTATUS", Fields: freebsdStatus, Holds: "version statussz gregsetsz fpregsetsz osreldate cursig pid, general registers"},
	{Owner: "FreeBSD", Type: FPRegSet, Name: "NT_FPREGSET", Fields: registerNote, Holds: "floating point registers"},
	{Owner: "FreeBSD", Type: PRPSInfo, Name: "NT_PRPSINFO", Record: "version:i4 size:u fname:s17 psargs:s81 pid:i4"},
	{Owner: "FreeBSD", Type: 7, Name: "NT_THRMISC", Record: "tname:s20 pad:u4"},
	{Owner: "FreeBSD", Type: 8, Name: "NT_PROCSTAT_PROC", Fields: freebsdProcesses, Holds: "structsize, and all of kinfo_proc for each thread"},
	{Owner: "FreeBSD", Type: 9, Name: "NT_PROCSTAT_FILES", Fields: freebsdFiles, Holds: "structsize, and each open file: type, number, flags, offset, path"},
	{Owner: "FreeBSD", Type: 10, Name: "NT_PROCSTAT_VMMAP", Fields: freebsdMap, Holds: "structsize, and each mapping: type, addresses, offset, flags, protection, pages, path"},
	{Owner: "FreeBSD", Type: 11, Name: "NT_PROCSTAT_GROUPS", Record: "structsize:i4 | gid:u4"},
	{Owner: "FreeBSD", Type: 12, Name: "NT_PROCSTAT_UMASK", Record: "structsize:i4 umask:o2"},
	{Owner: "FreeBSD", Type: 13, Name: "NT_PROCSTAT_RLIMIT", Fields: freebsdLimits, Holds: "structsize, and each limit by name"},
	{Owner: "FreeBSD", Type: 14, Name: "NT_PROCSTAT_OSREL", Record: "structsize:i4 osrel:i4"},
	{Owner: "FreeBSD", Type: 15, Name: "NT_PROCSTAT_PSSTRINGS", Fields: freebsdStrings, Holds: "structsize ps_strings"},
	{Owner: "FreeBSD", Type: 16, Name: "NT_PROCSTAT_AUXV", Fields: freebsdAuxV, Holds: "structsize, and entries by name"},
	{Owner: "FreeBSD", Type: 17, Name: "NT_PTLWPINFO", Fields: freebsdLWP, Holds: "structsize lwpid event flags sigmask siglist, siginfo with code and address in words, tdname child_pid syscall_code syscall_narg"},
	{Owner: "FreeBSD", Type: 0x200, Name: "NT_X86_SEGBASES", Record: "fs_base:x gs_base:x"},
	{Owner: "FreeBSD", Type: 0x202, Name: "NT_X86_XSTATE", Fields: xState, Holds: "FXSAVE registers, XCR0, XSTATE_BV, XCOMP_BV, upper halves of ymm"},
	{Owner: "FreeBSD", Type: 0x400, Name: "NT_ARM_VFP", Fields: registerNote, Holds: "floating point registers"},
	{Owner: "FreeBSD", Type: 0x401, Name: "NT_ARM_TLS", Record: "tp:x"},
}

func freebsdStatus(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.structure("version:i4 statussz:u gregsetsz:u fpregsetsz:u osreldate:i4 cursig:i4=freebsd.signal pid:i4", "")
	if d.Arch != nil {
		d.at = d.align(d.at, member{form: 'x'})
		d.registers(d.Arch.BSD)
	}
	return d.done()
}

// structSize takes the size that a list begins with.
func (d *decoder) structSize() (size int, ok bool) {
	if !d.structure("structsize:i4", "") {
		d.fail("no structsize")
		return 0, false
	}
	return int(int32(d.uint(0, 4))), true
}

// kinfoProc is struct kinfo_proc, and kinfoTail what stands kinfoSpare bytes
// behind: FreeBSD takes new members out of the spare room between. Pointers are
// the kernel's; vsize is bytes, the other sizes are pages.
const (
	kinfoProc = "structsize:i4 layout:i4 args:x paddr:x addr:x tracep:x textvp:x fd:x vmspace:x wchan:x " +
		"pid:i4 ppid:i4 pgid:i4 tpgid:i4 sid:i4 tsid:i4 jobc:i2 _2 _4 siglist:x4*4 sigmask:x4*4 sigignore:x4*4 sigcatch:x4*4 " +
		"uid:u4 ruid:u4 svuid:u4 rgid:u4 svgid:u4 ngroups:i2 _2 groups:u4*16 vsize:u rssize:i swrss:i tsize:i dsize:i ssize:i " +
		"xstat:u2 acflag:x2 pctcpu:u4 estcpu:u4 slptime:u4 swtime:u4 cow:u4 runtime:u8 start:TIME childtime:TIME flag:x kiflag:x " +
		"traceflag:x4 stat:i1=freebsd.stat nice:i1 lock:i1 rqindex:i1 _2 tdname:s17 wmesg:s9 login:s18 lockname:s9 comm:s20 " +
		"emul:s17 loginclass:s18 moretdname:s4"
	kinfoSpare = 46 + 2*4
	kinfoTail  = "tdev:x8 oncpu:i4 lastcpu:i4 tracer:i4 flag2:x4 fibnum:i4 cr_flags:x4 jid:i4 numthreads:i4 tid:i4 pri:u1*4 utime:TIME stime:TIME"
)

// processStates are the values of ki_stat.
var processStates = []string{1: "idle", 2: "runnable", 3: "sleeping", 4: "stopped", 5: "zombie", 6: "waiting", 7: "locked"}

// freebsdProcesses decodes a kinfo_proc for each thread.
func freebsdProcesses(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	size, _ := d.structSize()
	for i := 0; d.left() > 0; i++ {
		end, ok := d.within(size)
		if !ok {
			break
		}
		suffix := fmt.Sprintf("[%d]", i)
		if d.structure(d.times(kinfoProc), suffix) {
			d.at += kinfoSpare
			d.structure(d.times(kinfoTail), suffix)
		}
		end()
	}
	return d.done()
}

// times fills in the form of struct timeval. On 32-bit ARM its time_t has 8
// bytes, and there is padding behind the microseconds.
func (d *decoder) times(members string) string {
	form := "t"
	if d.Arch != nil && d.Arch.Machine == elf.EM_ARM {
		form = "t8"
	}
	return strings.ReplaceAll(members, "TIME", form)
}

// within ends the descriptor size bytes on, for a structure of that size, until
// end is called; what is left of the structure is passed over then.
func (d *decoder) within(size int) (end func(), ok bool) {
	const least = 8
	if size < least || size > d.left() {
		d.fail("structure of %d bytes in a descriptor with %d left", size, d.left())
		return nil, false
	}
	whole, next := d.desc, d.at+size
	d.desc = d.desc[:next]
	return func() { d.desc, d.at = whole, max(next, d.at) }, true
}

// records decodes structures that begin with their own size, up to one of size
// 0: the kernel fills up what it had reckoned.
func (d *decoder) records(members string) {
	d.structSize()
	for i := 0; d.left() >= 4; i++ {
		size := int(int32(d.uint(d.at, 4)))
		if size == 0 {
			return
		}
		end, ok := d.within(size)
		if !ok {
			return
		}
		// The last member is a text up to the structure's end.
		suffix := fmt.Sprintf("[%d]", i)
		if d.structure(members, suffix) {
			path := upToNUL(d.desc[d.at:])
			d.add("path"+suffix, path, len(path))
		}
		end()
	}
}

// kinfoFile is struct kinfo_file up to kf_path. What the union in its middle
// holds depends on the type.
const kinfoFile = "structsize:i4 type:i4=freebsd.file fd:i4=freebsd.fd ref_count:i4 flags:x4=freebsd.fileflags _4 offset:i8 " +
	"_304 status:x2 _2 _4 cap_rights:x8*2 _8"

var (
	fileTypes = []string{1: "vnode", 2: "socket", 3: "pipe", 4: "fifo", 5: "kqueue", 6: "crypto", 7: "mqueue", 8: "shm", 9: "sem", 10: "pts",
		11: "procdesc", 12: "dev", 13: "eventfd", 14: "timerfd"}
	fileNumbers = []string{1: "working directory", 2: "root directory", 3: "jail directory", 4: "trace", 5: "text", 6: "terminal"} // negated
	fileFlags   = []string{"read", "write", "append", "async", "fsync", "nonblock", "direct", "haslock", "shlock", "exlock", "nofollow", "creat", "trunc", "excl", "exec"}
)

func freebsdFiles(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.records(kinfoFile)
	return d.done()
}

// kinfoEntry is struct kinfo_vmentry up to kve_path.
const kinfoEntry = "structsize:i4 type:i4=freebsd.map start:x8 end:x8 offset:x8 fileid:u8 fsid11:x4 flags:x4=freebsd.mapflags " +
	"resident:i4 private_resident:i4 protection:x4=freebsd.protection ref_count:i4 shadow_count:i4 vn_type:i4 vn_size:u8 rdev11:x4 " +
	"mode:o2 status:x2 fsid:x8 rdev:x8 _32"

var (
	mapTypes   = []string{"none", "default", "vnode", "swap", "device", "phys", "dead", "sg", "mgtdevice", "guard"}
	mapFlags   = []string{"cow", "needs-copy", "nocoredump", "super", "grows-up", "grows-down", "user-wired"}
	protection = []string{"read", "write", "exec"}
)

func freebsdMap(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.records(kinfoEntry)
	return d.done()
}

// limitNames are RLIMIT_ constants, in order.
var limitNames = []string{"cpu", "fsize", "data", "stack", "core", "rss", "memlock", "nproc", "nofile", "sbsize", "vmem", "npts", "swap",
	"kqueues", "umtxp", "pipebuf"}

func freebsdLimits(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.structSize()
	limit := func(at int) string {
		if v := d.uint(at, 8); v < 1<<63-1 {
			return fmt.Sprint(v)
		}
		return "unlimited"
	}
	for i := 0; d.left() >= 16; i++ {
		name := pick(limitNames, uint64(i))
		if name == "" {
			name = fmt.Sprintf("limit %d", i)
		}
		d.add(name, limit(d.at)+" of "+limit(d.at+8), 16)
	}
	return d.done()
}

// freebsdStrings is an address behind its size; it is not aligned.
func freebsdStrings(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.structSize()
	d.structure("ps_strings:x", "")
	return d.done()
}

// freebsdAux are AT_ constants of sys/elf_common.h.
var freebsdAux = []string{
	0: "AT_NULL", 1: "AT_IGNORE", 2: "AT_EXECFD", 3: "AT_PHDR", 4: "AT_PHENT", 5: "AT_PHNUM", 6: "AT_PAGESZ", 7: "AT_BASE", 8: "AT_FLAGS",
	9: "AT_ENTRY", 10: "AT_NOTELF", 11: "AT_UID", 12: "AT_EUID", 13: "AT_GID", 14: "AT_EGID", 15: "AT_EXECPATH", 16: "AT_CANARY",
	17: "AT_CANARYLEN", 18: "AT_OSRELDATE", 19: "AT_NCPUS", 20: "AT_PAGESIZES", 21: "AT_PAGESIZESLEN", 22: "AT_TIMEKEEP", 23: "AT_STACKPROT",
	24: "AT_EHDRFLAGS", 25: "AT_HWCAP", 26: "AT_HWCAP2", 27: "AT_BSDFLAGS", 28: "AT_ARGC", 29: "AT_ARGV", 30: "AT_ENVC", 31: "AT_ENVV",
	32: "AT_PS_STRINGS", 33: "AT_FXRNG", 34: "AT_KPRELOAD", 35: "AT_USRSTACKBASE", 36: "AT_USRSTACKLIM", 37: "AT_CHERI_STATS", 38: "AT_HWCAP3", 39: "AT_HWCAP4",
}

func freebsdAuxV(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.structSize()
	d.auxVector(freebsdAux)
	return d.done()
}

// lwpFlags are PL_FLAG_ bits of sys/ptrace.h.
var lwpFlags = []string{"sa", "bound", "sce", "scx", "exec", "si", "forked", "child", "born", "exited", "vforked", "vfork-done"}

// freebsdLWP decodes ptrace_lwpinfo. Its siginfo_t counts if the flag si is set.
func freebsdLWP(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.structSize()
	base := d.at
	if !d.structure("lwpid:i4 event:i4 flags:x4=freebsd.lwpflags sigmask:x4*4 siglist:x4*4", "") {
		return d.done()
	}
	d.at = base + d.align(d.at-base, member{form: 'x'})
	size := 64 // of siginfo_t
	if d.Is64 {
		size = 80
	}
	end, ok := d.within(size)
	if !ok {
		return d.done()
	}
	d.sigInfo(&FreeBSDSignals, "signo:i4=freebsd.signal errno:i4 code:i4", "_4 _4 _4 address:x", "pid:i4 uid:u4 status:i4")
	end()
	d.structure("tdname:s20 child_pid:i4 syscall_code:u4 syscall_narg:u4", "")
	return d.done()
}
