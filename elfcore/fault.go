package elfcore

import "corelift/elfcore/arch"

// ReadMapped sets those control registers of r that the CPU has at fixed
// addresses (Cortex-M's CFSR, HFSR ...) and that the dump holds as memory.
func (c *Core) ReadMapped(r *Registers) {
	for _, m := range c.Arch.Mapped() {
		v, s, err := c.ReadWord(Addr(m.Addr))
		if err != nil {
			continue
		}
		if n, ok := c.Arch.Reg(m.Name); ok {
			region, _ := c.Memory.At(Addr(m.Addr))
			r.Set(n, v, s, region.Why)
		}
	}
}

// JudgeFault reads from the crashed thread's fault registers what is not known
// yet of the fault and its address.
func (c *Core) JudgeFault(why Why) {
	t := c.Crashed()
	if t == nil {
		return
	}
	read := func(name string) (uint64, bool) {
		n, ok := c.Arch.Reg(name)
		v, s := t.Regs.Get(n)
		return v, ok && s >= Recovered
	}
	if c.Crash.Fault.State == Missing && c.Arch.Fault != nil {
		if f := c.Arch.Fault(read); f != arch.FaultUnknown {
			c.Crash.Fault = Fact[arch.Fault]{Value: f, State: Known, Why: why}
		}
	}
	if c.Crash.Addr.State == Missing {
		if a, ok := c.Arch.FaultAddr(read); ok {
			c.Crash.Addr = Fact[Addr]{Value: Addr(a), State: Known, Why: why}
		}
	}
}
