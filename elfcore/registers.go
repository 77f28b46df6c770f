package elfcore

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore/arch"
)

// Registers is one context's register file. Registers that nobody set are
// Missing. The zero value has no CPU and holds nothing.
type Registers struct {
	arch  *arch.Arch
	value []uint64
	state []State
	why   []Why
	wide  map[arch.Reg][]byte // full bytes, little endian, of those over 64 bits
}

// NewRegisters makes an empty register file for a CPU.
func NewRegisters(a *arch.Arch) Registers {
	n := len(a.Regs)
	return Registers{arch: a, value: make([]uint64, n), state: make([]State, n), why: make([]Why, n)}
}

// Clone returns an independent copy.
func (r *Registers) Clone() Registers {
	c := *r
	c.value = append([]uint64(nil), r.value...)
	c.state = append([]State(nil), r.state...)
	c.why = append([]Why(nil), r.why...)
	c.wide = nil
	for k, v := range r.wide {
		c.setWide(k, append([]byte(nil), v...))
	}
	return c
}

// Arch is the CPU, nil for the zero value.
func (r *Registers) Arch() *arch.Arch { return r.arch }

// Get returns the low 64 bits of a register.
func (r *Registers) Get(n arch.Reg) (uint64, State) {
	if int(n) >= len(r.value) {
		return 0, Missing
	}
	return r.value[n], r.state[n]
}

// Why returns the evidence number of a register.
func (r *Registers) Why(n arch.Reg) Why {
	if int(n) >= len(r.why) {
		return 0
	}
	return r.why[n]
}

// Bytes returns a register at full width, little endian.
func (r *Registers) Bytes(n arch.Reg) ([]byte, State) {
	v, s := r.Get(n)
	if s == Missing {
		return nil, s
	}
	b := make([]byte, max(8, (r.arch.Regs[n].Bits+7)/8))
	binary.LittleEndian.PutUint64(b, v)
	copy(b, r.wide[n])
	return b[:(r.arch.Regs[n].Bits+7)/8], s
}

// Set stores a register, cut to its width. Setting a NoReg does nothing.
func (r *Registers) Set(n arch.Reg, v uint64, s State, w Why) {
	if int(n) >= len(r.value) {
		return
	}
	if bits := r.arch.Regs[n].Bits; bits < 64 {
		v &= 1<<bits - 1
	}
	delete(r.wide, n)
	r.value[n], r.state[n], r.why[n] = v, s, w
}

// SetBytes stores a register from its full width, little endian.
func (r *Registers) SetBytes(n arch.Reg, b []byte, s State, w Why) {
	var low [8]byte
	copy(low[:], b)
	r.Set(n, binary.LittleEndian.Uint64(low[:]), s, w)
	if int(n) < len(r.value) && r.arch.Regs[n].Bits > 64 {
		full := make([]byte, (r.arch.Regs[n].Bits+7)/8)
		copy(full, b)
		r.setWide(n, full)
	}
}

func (r *Registers) setWide(n arch.Reg, b []byte) {
	if r.wide == nil {
		r.wide = map[arch.Reg][]byte{}
	}
	r.wide[n] = b
}

// Clear makes a register Missing, with the reason why.
func (r *Registers) Clear(n arch.Reg, w Why) { r.Set(n, 0, Missing, w) }

// PC, SP and LR return the registers of those roles.
func (r *Registers) PC() (uint64, State) { return r.role(func(a *arch.Arch) arch.Reg { return a.PC }) }

// SP returns the stack pointer.
func (r *Registers) SP() (uint64, State) { return r.role(func(a *arch.Arch) arch.Reg { return a.SP }) }

// LR returns the link register.
func (r *Registers) LR() (uint64, State) { return r.role(func(a *arch.Arch) arch.Reg { return a.LR }) }

func (r *Registers) role(of func(*arch.Arch) arch.Reg) (uint64, State) {
	if r.arch == nil {
		return 0, Missing
	}
	return r.Get(of(r.arch))
}

// Load sets every register of a layout from data, which must hold it all.
func (r *Registers) Load(l arch.Layout, data []byte, order binary.ByteOrder, s State, w Why) error {
	slots, size, err := r.arch.Slots(l)
	if err != nil {
		return err
	}
	if len(data) < size {
		return fmt.Errorf("%d bytes of registers, want %d", len(data), size)
	}
	for _, slot := range slots {
		if slot.Reg == arch.NoReg {
			continue
		}
		b := data[slot.Off : slot.Off+slot.Size]
		if slot.Size <= 8 {
			r.Set(slot.Reg, getUint(order, b), s, w)
			continue
		}
		full := append([]byte(nil), b...)
		if order == binary.BigEndian {
			reverse(full)
		}
		r.SetBytes(slot.Reg, full, s, w)
	}
	return nil
}

// Store fills data from a layout. A missing register leaves arch.Absent cut to
// its slot in place: one documented value per CPU.
func (r *Registers) Store(l arch.Layout, data []byte, order binary.ByteOrder) error {
	slots, size, err := r.arch.Slots(l)
	if err != nil {
		return err
	}
	if len(data) < size {
		return fmt.Errorf("%d bytes for registers, want %d", len(data), size)
	}
	for _, slot := range slots {
		b := data[slot.Off : slot.Off+slot.Size]
		clear(b)
		if slot.Reg == arch.NoReg {
			if slot.Ones {
				for i := range b {
					b[i] = 0xff
				}
			}
			continue
		}
		full, s := r.Bytes(slot.Reg)
		if s == Missing {
			putUint(order, b, r.AbsentValue(slot.Reg))
			continue
		}
		copy(b, full)
		if order == binary.BigEndian {
			reverse(b)
		}
	}
	return nil
}

// AbsentValue is what Store writes for a register that is missing: the CPU's
// Absent value for general registers, 0 for flags, segments and all others,
// which no debugger follows as an address.
func (r *Registers) AbsentValue(n arch.Reg) uint64 {
	info := r.arch.Regs[n]
	if info.Group != arch.General || info.Bits < r.arch.PtrSize()*8 || n == r.arch.Flags {
		return 0
	}
	return r.arch.Absent
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// getUint reads an unsigned integer of up to 8 bytes, of any width.
func getUint(order binary.ByteOrder, b []byte) uint64 {
	var v uint64
	for i := range b {
		j := i
		if order != binary.BigEndian {
			j = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[j])
	}
	return v
}

// putUint writes the low bytes of v, filling b.
func putUint(order binary.ByteOrder, b []byte, v uint64) {
	for i := range b {
		j := i
		if order == binary.BigEndian {
			j = len(b) - 1 - i
		}
		b[j] = byte(v)
		v >>= 8
	}
}
