package notes

import (
	"slices"
	"strconv"
)

// Signals names the signals of an operating system and the codes that come
// with them in siginfo_t.
type Signals struct {
	list []signal
	// sent are the codes that any signal may have. Those that are not the
	// kernel's say that a program sent it.
	sent []code
}

// signal is one signal. Of its codes, shared are those of all systems.
type signal struct {
	number      int32
	name        string
	shared, own []code
}

type code struct {
	number     int32
	name, text string
}

// kernelCode says that the kernel sent a signal and tells no more.
const kernelCode = "SI_KERNEL"

// Name is a signal's name, "SIGSEGV", or "signal 70".
func (s *Signals) Name(number int32) string {
	if i := s.find(number); i >= 0 {
		return s.list[i].name
	}
	return "signal " + strconv.Itoa(int(number))
}

func (s *Signals) find(number int32) int {
	return slices.IndexFunc(s.list, func(x signal) bool { return x.number == number })
}

// Code names a code of a signal, "SEGV_MAPERR", and says what it means. Both
// are empty if the code is not known.
func (s *Signals) Code(number, value int32) (name, text string) {
	lists := [][]code{s.sent, nil, nil}
	if i := s.find(number); i >= 0 {
		lists[1], lists[2] = s.list[i].shared, s.list[i].own
	}
	for _, list := range lists {
		for _, c := range list {
			if c.number == value {
				return c.name, c.text
			}
		}
	}
	return "", ""
}

// Sent tells whether a code says that a program sent the signal, so that
// nothing went wrong at the instruction where it came.
func (s *Signals) Sent(value int32) bool {
	return slices.ContainsFunc(s.sent, func(c code) bool { return c.number == value && c.name != kernelCode })
}

// The codes 1, 2 ... of a signal, which Linux and FreeBSD number alike but for
// those of SIGFPE and what is beyond.
var (
	illCodes = []code{
		{1, "ILL_ILLOPC", "illegal opcode"}, {2, "ILL_ILLOPN", "illegal operand"}, {3, "ILL_ILLADR", "illegal addressing mode"},
		{4, "ILL_ILLTRP", "illegal trap"}, {5, "ILL_PRVOPC", "privileged opcode"}, {6, "ILL_PRVREG", "privileged register"},
		{7, "ILL_COPROC", "coprocessor error"}, {8, "ILL_BADSTK", "internal stack error"},
	}
	busCodes = []code{
		{1, "BUS_ADRALN", "invalid address alignment"}, {2, "BUS_ADRERR", "no physical memory at the address"}, {3, "BUS_OBJERR", "hardware error of the object"},
	}
	segvCodes = []code{
		{1, "SEGV_MAPERR", "nothing is mapped at the address"}, {2, "SEGV_ACCERR", "access not permitted by the mapping"},
	}
	trapCodes = []code{{1, "TRAP_BRKPT", "breakpoint"}, {2, "TRAP_TRACE", "trace trap"}}
)

// LinuxSignals are those of asm-generic/signal.h and siginfo.h, which i386,
// x86-64, ARM, AArch64 and RISC-V share.
var LinuxSignals = Signals{
	list: []signal{
		{number: 1, name: "SIGHUP"}, {number: 2, name: "SIGINT"}, {number: 3, name: "SIGQUIT"},
		{4, "SIGILL", illCodes, []code{{9, "ILL_BADIADDR", "unimplemented instruction address"}}},
		{5, "SIGTRAP", trapCodes, []code{{3, "TRAP_BRANCH", "branch trap"}, {4, "TRAP_HWBKPT", "hardware breakpoint or watchpoint"},
			{5, "TRAP_UNK", "undiagnosed trap"}, {6, "TRAP_PERF", "perf event"}}},
		{number: 6, name: "SIGABRT"},
		{7, "SIGBUS", busCodes, []code{{4, "BUS_MCEERR_AR", "memory error, action required"}, {5, "BUS_MCEERR_AO", "memory error, action optional"}}},
		{8, "SIGFPE", nil, []code{
			{1, "FPE_INTDIV", "integer division by zero"}, {2, "FPE_INTOVF", "integer overflow"}, {3, "FPE_FLTDIV", "floating point division by zero"},
			{4, "FPE_FLTOVF", "floating point overflow"}, {5, "FPE_FLTUND", "floating point underflow"}, {6, "FPE_FLTRES", "inexact floating point result"},
			{7, "FPE_FLTINV", "invalid floating point operation"}, {8, "FPE_FLTSUB", "subscript out of range"}, {14, "FPE_FLTUNK", "undiagnosed floating point exception"},
			{15, "FPE_CONDTRAP", "trap on condition"},
		}},
		{number: 9, name: "SIGKILL"}, {number: 10, name: "SIGUSR1"},
		{11, "SIGSEGV", segvCodes, []code{{3, "SEGV_BNDERR", "failed address bound checks"}, {4, "SEGV_PKUERR", "access denied by a memory protection key"},
			{5, "SEGV_ACCADI", "ADI not enabled for the mapping"}, {6, "SEGV_ADIDERR", "disrupting MCD error"}, {7, "SEGV_ADIPERR", "precise MCD exception"},
			{8, "SEGV_MTEAERR", "asynchronous memory tag check fault"}, {9, "SEGV_MTESERR", "synchronous memory tag check fault"}, {10, "SEGV_CPERR", "control protection fault"}}},
		{number: 12, name: "SIGUSR2"}, {number: 13, name: "SIGPIPE"}, {number: 14, name: "SIGALRM"}, {number: 15, name: "SIGTERM"},
		{number: 16, name: "SIGSTKFLT"}, {number: 17, name: "SIGCHLD"}, {number: 18, name: "SIGCONT"}, {number: 19, name: "SIGSTOP"},
		{number: 20, name: "SIGTSTP"}, {number: 21, name: "SIGTTIN"}, {number: 22, name: "SIGTTOU"}, {number: 23, name: "SIGURG"},
		{number: 24, name: "SIGXCPU"}, {number: 25, name: "SIGXFSZ"}, {number: 26, name: "SIGVTALRM"}, {number: 27, name: "SIGPROF"},
		{number: 28, name: "SIGWINCH"}, {number: 29, name: "SIGIO"}, {number: 30, name: "SIGPWR"},
		{31, "SIGSYS", nil, []code{{1, "SYS_SECCOMP", "system call denied by seccomp"}, {2, "SYS_USER_DISPATCH", "system call dispatched to the program"}}},
	},
	sent: []code{
		{0, "SI_USER", "sent by kill"}, {-1, "SI_QUEUE", "sent by sigqueue"}, {-2, "SI_TIMER", "a timer expired"}, {-3, "SI_MESGQ", "a message came"},
		{-4, "SI_ASYNCIO", "asynchronous I/O completed"}, {-5, "SI_SIGIO", "queued SIGIO"}, {-6, "SI_TKILL", "sent by tkill or raise"},
		{0x80, kernelCode, "sent by the kernel"},
	},
}

// FreeBSDSignals are those of FreeBSD's sys/signal.h.
var FreeBSDSignals = Signals{
	list: []signal{
		{number: 1, name: "SIGHUP"}, {number: 2, name: "SIGINT"}, {number: 3, name: "SIGQUIT"},
		{number: 4, name: "SIGILL", shared: illCodes},
		{5, "SIGTRAP", trapCodes, []code{{3, "TRAP_DTRACE", "trap of DTrace"}, {4, "TRAP_CAP", "capability protection trap"}}},
		{number: 6, name: "SIGABRT"}, {number: 7, name: "SIGEMT"},
		{8, "SIGFPE", nil, []code{
			{1, "FPE_INTOVF", "integer overflow"}, {2, "FPE_INTDIV", "integer division by zero"}, {3, "FPE_FLTDIV", "floating point division by zero"},
			{4, "FPE_FLTOVF", "floating point overflow"}, {5, "FPE_FLTUND", "floating point underflow"}, {6, "FPE_FLTRES", "inexact floating point result"},
			{7, "FPE_FLTINV", "invalid floating point operation"}, {8, "FPE_FLTSUB", "subscript out of range"},
		}},
		{number: 9, name: "SIGKILL"},
		{10, "SIGBUS", busCodes, []code{{100, "BUS_OOMERR", "no memory to load the page"}}},
		{11, "SIGSEGV", segvCodes, []code{{100, "SEGV_PKUERR", "access denied by a memory protection key"}}},
		{number: 12, name: "SIGSYS"}, {number: 13, name: "SIGPIPE"}, {number: 14, name: "SIGALRM"}, {number: 15, name: "SIGTERM"},
		{number: 16, name: "SIGURG"}, {number: 17, name: "SIGSTOP"}, {number: 18, name: "SIGTSTP"}, {number: 19, name: "SIGCONT"},
		{number: 20, name: "SIGCHLD"}, {number: 21, name: "SIGTTIN"}, {number: 22, name: "SIGTTOU"}, {number: 23, name: "SIGIO"},
		{number: 24, name: "SIGXCPU"}, {number: 25, name: "SIGXFSZ"}, {number: 26, name: "SIGVTALRM"}, {number: 27, name: "SIGPROF"},
		{number: 28, name: "SIGWINCH"}, {number: 29, name: "SIGINFO"}, {number: 30, name: "SIGUSR1"}, {number: 31, name: "SIGUSR2"},
		{number: 32, name: "SIGTHR"}, {number: 33, name: "SIGLIBRT"},
	},
	sent: []code{
		{0x10001, "SI_USER", "sent by kill"}, {0x10002, "SI_QUEUE", "sent by sigqueue"}, {0x10003, "SI_TIMER", "a timer expired"},
		{0x10004, "SI_ASYNCIO", "asynchronous I/O completed"}, {0x10005, "SI_MESGQ", "a message came"}, {0x10006, kernelCode, "sent by the kernel"},
		{0x10007, "SI_LWP", "sent by thr_kill"},
	},
}
