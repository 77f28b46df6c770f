package arch

// MappedReg is a control register that a CPU has at a fixed address.
type MappedReg struct {
	Name string // as in Arch.Regs
	Addr uint64
}

// cortexMMapped are system control registers (Armv8-M manual D1.1).
var cortexMMapped = []MappedReg{
	{"shcsr", 0xe000ed24}, {"cfsr", 0xe000ed28}, {"hfsr", 0xe000ed2c}, {"dfsr", 0xe000ed30},
	{"mmfar", 0xe000ed34}, {"bfar", 0xe000ed38}, {"afsr", 0xe000ed3c},
	{"fpccr", 0xe000ef34}, {"fpcar", 0xe000ef38},
}

// Mapped lists the registers that stand in the memory of a dump, if it holds
// these addresses. Each has the size of an address.
func (a *Arch) Mapped() []MappedReg {
	if a == CortexM {
		return cortexMMapped
	}
	return nil
}

// FaultAddr reads the address of the access that failed. ok is false where the
// fault registers hold none.
func (a *Arch) FaultAddr(read func(name string) (uint64, bool)) (addr uint64, ok bool) {
	switch a {
	case CortexM:
		const mmarValid, bfarValid = 1 << 7, 1 << 15
		switch cfsr, _ := read("cfsr"); {
		case cfsr&bfarValid != 0:
			return read("bfar")
		case cfsr&mmarValid != 0:
			return read("mmfar")
		}
	case RV32, RV64:
		switch cause, ok := read("mcause"); cause {
		case 0, 1, 4, 5, 6, 7, 12, 13, 15: // misaligned, access fault, page fault
			if addr, has := read("mtval"); ok && has {
				return addr, true
			}
		}
	case Xtensa:
		switch cause, ok := read("exccause"); {
		case !ok:
		case cause == 2, cause == 3, cause == 9, cause >= 12 && cause <= 29:
			return read("excvaddr")
		}
	}
	return 0, false
}
