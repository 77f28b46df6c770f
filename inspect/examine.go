package inspect

import (
	"cmp"
	"fmt"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// ExamineOptions say how memory is shown: Count units of Size bytes (1, 2, 4, 8)
// as Format, a letter of GDB's x: x d u o t c a f z, or s for strings. Zero
// values stand for 16 units (or one string) of 4 bytes (as a: of an address), x.
type ExamineOptions struct {
	Count, Size int
	Format      byte
}

// maxCells bounds what one call shows.
const maxCells = 1 << 16

// Examine shows memory from where an expression points: the dump's, and what of
// the firmware can't change. f is the expression's frame, as in Eval.
func (s *Session) Examine(f *Frame, where string, o ExamineOptions) (*Examined, error) {
	at, trust, err := s.locate(f, where)
	if err != nil {
		return nil, err
	}
	t, err := s.cellType(&o)
	if err != nil {
		return nil, err
	}
	format := cexpr.Format(o.Format)
	if format == 'x' {
		format = 'z' // GDB's x has all digits
	}
	out := &Examined{Document: s.document(ExamineSchema), Format: string(rune(o.Format)), Size: o.Size, Cells: []Cell{}}
	frame := s.outside()
	mask := elfcore.Addr(s.core.Arch.AddrMask())
	for range o.Count {
		cell := Cell{Address: at, Origin: s.origin(at)}
		if name, start, ok := s.symbolAt(at); ok {
			cell.Symbol = &Symbol{name, uint64(at - start)}
		}
		step := elfcore.Addr(o.Size)
		if o.Format == 's' {
			cell.Text, cell.State, step = s.text(at, t)
			cell.Presence = Present
			if cell.State == elfcore.Missing {
				cell.Presence = NotInDump
			}
		} else {
			v := newRenderer(format).value(frame.inMemory(t, at, elfcore.Known), 0)
			cell.Text, cell.Presence, cell.State = v.Text, v.Presence, v.State
		}
		cell.State = min(cell.State, trust)
		out.Cells = append(out.Cells, cell)
		if at = at + step; at&^mask != 0 || at < step {
			break // the end of the address space
		}
	}
	return out, nil
}

// locate is the address that an expression stands for: where an array, a
// structure or a function is, else the value of a pointer or number.
func (s *Session) locate(f *Frame, expr string) (at elfcore.Addr, trust elfcore.State, err error) {
	mask := elfcore.Addr(s.core.Arch.AddrMask())
	err = s.evaluate(f, expr, func(e evaluator, x *cexpr.Expr) {
		o := e.eval(x.Root)
		switch o.typ.Plain().Kind {
		case debuginfo.Array, debuginfo.Struct, debuginfo.Class, debuginfo.Union, debuginfo.Variant, debuginfo.Func, debuginfo.Unknown:
			var ok bool
			at, trust, ok = o.address()
			switch {
			case o.absent != Present:
				fail(x.Root, "", "%s is %s", x.Root, absent[o.absent])
			case !ok:
				fail(x.Root, "", "%s is not in memory", x.Root)
			}
		default:
			at, trust = e.pointer(x.Root)
			if over := at &^ mask; over != 0 && at|mask>>1 != ^elfcore.Addr(0) { // unless a negative number
				fail(x.Root, "", "0x%x is more than an address of %d bits", uint64(at), 8*s.core.Arch.PtrSize())
			}
		}
		trust = min(trust, *e.trust)
	})
	return at & mask, trust, err
}

// cellType checks and completes the options and picks the type of a unit.
func (s *Session) cellType(o *ExamineOptions) (*debuginfo.Type, error) {
	o.Format = cmp.Or(o.Format, 'x')
	size, count := 4, 16
	switch o.Format {
	case 'a':
		size = s.core.Arch.PtrSize()
	case 's':
		count = 1
	}
	o.Size, o.Count = cmp.Or(o.Size, size), cmp.Or(o.Count, count)
	if _, err := cexpr.ParseFormat(string(rune(o.Format))); err != nil {
		return nil, err
	}
	if o.Count < 1 || o.Count > maxCells {
		return nil, fmt.Errorf("a count of %d; it must be 1 to %d", o.Count, maxCells)
	}
	names := map[int]string{1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long"}
	if o.Format == 'f' {
		names = map[int]string{4: "float", 8: "double"}
	}
	name, ok := names[o.Size]
	if o.Format == 's' || o.Format == 'c' {
		name, ok, o.Size = "unsigned char", true, 1
	}
	if !ok {
		return nil, fmt.Errorf("units of %d bytes as %c are not possible", o.Size, o.Format)
	}
	return s.outside().types().Builtin(name), nil
}

// text is the string at an address, and how far the next one is.
func (s *Session) text(at elfcore.Addr, t *debuginfo.Type) (string, elfcore.State, elfcore.Addr) {
	text, state := s.stringAt(at, t)
	b := make([]byte, 1)
	step := elfcore.Addr(0)
	for step < maxElements {
		_, err := s.read(b, at+step)
		step++
		if err != nil || b[0] == 0 {
			break
		}
	}
	return text, state, step
}

// origin tells where the byte at an address comes from.
func (s *Session) origin(at elfcore.Addr) string {
	if _, ok := s.core.Memory.At(at); ok {
		return "dump"
	}
	if s.program != nil && s.program.ReadConst(make([]byte, 1), at) == nil {
		return "firmware"
	}
	return ""
}
