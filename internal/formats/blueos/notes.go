package blueos

import (
	"fmt"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// reasonSize is the size of struct CoredumpReason in bytes, behind 8 of which
// stand two words of an address's size.
const reasonSize, reasonSize64 = 16, 24

// Notes decodes the notes whose size tells that they are BlueOS', not Linux'.
// NT_PRPSINFO is not among them: the order of its fields is the compiler's.
var Notes = notes.Table{
	{Owner: "CORE", Type: notes.PRStatus, Size: statusSize, Name: "NT_PRSTATUS", Fields: statusFields,
		Holds: "signo code errno pid ppid pgrp sid, then the registers in the order of BlueOS"},
	{Owner: "CORE", Type: notes.SigInfo, Size: reasonSize, Name: "NT_SIGINFO", Record: reason},
	{Owner: "CORE", Type: notes.SigInfo, Size: reasonSize64, Name: "NT_SIGINFO", Record: reason},
}

// reason is struct CoredumpReason; signo has BSD's numbers.
const reason notes.Record = "signo:i4 code:x4 fault_addr:x arch_specific:x"

func statusFields(n notes.Note, x notes.Context) ([]notes.Field, error) {
	desc, err := n.Read(statusSize)
	if err != nil {
		return nil, err
	}
	if len(desc) < statusSize {
		return nil, &notes.FormatError{Off: n.DescOff, Msg: fmt.Sprintf("NT_PRSTATUS of %d bytes, want %d", len(desc), statusSize)}
	}
	word := 4
	if x.Is64 {
		word = 8
	}
	ids := 12 + 2*word // behind signo, code, errno and two words
	var fields []notes.Field
	for i, name := range []string{"signo", "code", "errno", "pid", "ppid", "pgrp", "sid"} {
		at := 4 * i
		if i >= 3 {
			at += ids - 12
		}
		fields = append(fields, notes.Field{Name: name, Text: fmt.Sprint(int32(x.Order.Uint32(desc[at:]))), Off: int64(at), Size: 4})
	}
	for _, c := range cpus {
		if x.Arch == nil || c.arch.Machine != x.Arch.Machine || c.arch.Class != x.Arch.Class {
			continue
		}
		slots, _, err := c.arch.Slots(c.dumped)
		if err != nil {
			return fields, err
		}
		for _, s := range slots {
			if s.Reg == arch.NoReg {
				continue
			}
			at := ids + 16 + s.Off
			v := uint64(x.Order.Uint32(desc[at:]))
			if s.Size == 8 {
				v = x.Order.Uint64(desc[at:])
			}
			fields = append(fields, notes.Field{Name: c.arch.Regs[s.Reg].Name, Text: fmt.Sprintf("0x%0*x", 2*s.Size, v), Off: int64(at), Size: int64(s.Size)})
		}
		break
	}
	return fields, nil
}
