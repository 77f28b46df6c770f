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
	{"sfsr", 0xe000ede4}, {"sfar", 0xe000ede8}, {"fpccr", 0xe000ef34}, {"fpcar", 0xe000ef38},
}

// Mapped lists the registers that stand in the memory of a dump, if it holds
// these addresses. Each has the size of an address. The result is shared.
func (a *Arch) Mapped() []MappedReg {
	if a == CortexM {
		return cortexMMapped
	}
	return nil
}
