package unwind

import (
	"encoding/binary"
	"errors"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/location"
)

// compute evaluates a DWARF expression of a row. initial is the CFA, or nothing
// for the CFA itself.
func (u *unwinder) compute(row firmware.Row, expr []byte, r elfcore.Registers, initial ...location.Value) (uint64, elfcore.State, *End) {
	v, err := location.ComputeCFI(expr, frame{u, r}, initial...)
	if err == nil {
		return v.Uint(), v.State, nil
	}
	end := expression(row.Function.Addr, err)
	if gap := (*elfcore.GapError)(nil); errors.As(err, &gap) {
		end = noStack(gap.Addr)
	} else if e := (*location.Error)(nil); errors.As(err, &e) && e.Reason == location.NotInDump {
		end.Kind = NeedsRegister
	}
	return 0, elfcore.Missing, end
}

// frame is what an expression may ask of a frame's registers.
type frame struct {
	u *unwinder
	r elfcore.Registers
}

func (f frame) PtrSize() int { return f.u.arch.PtrSize() }

func (f frame) Order() binary.ByteOrder { return f.u.core.Order }

func (f frame) Register(n uint64) location.Register {
	reg, ok := f.u.arch.ByDWARF(int(n))
	if !ok {
		return location.Register{}
	}
	info := f.u.arch.Regs[reg]
	out := location.Register{Name: info.Name, Bits: info.Bits}
	out.Low, out.State = f.r.Get(reg)
	if info.Bits > 64 {
		out.Wide, _ = f.r.Bytes(reg)
	}
	return out
}

// Memory reads the dump, and constants of the firmware where it has none.
func (f frame) Memory(p []byte, a elfcore.Addr) (elfcore.State, error) {
	s, err := f.u.core.Memory.Read(p, a)
	if err != nil && f.u.code.ReadConst(p, a) == nil {
		return elfcore.Known, nil
	}
	return s, err
}
