package elfcore

import (
	"fmt"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// Status is how a system lays out NT_PRSTATUS, which starts a thread. Offsets
// and sizes are bytes of the descriptor.
type Status struct {
	System             string // FormatLinux, also for bare targets, or FormatFreeBSD
	Owner              string // of the note
	Size               int    // debuggers compare it exactly
	Cursig, CursigSize int    // pr_cursig
	ID                 int    // pr_pid, 4 bytes
	Registers          int    // pr_reg
	Layout             arch.Layout
}

// Status tells how a core of CPU a has NT_PRSTATUS. Errors are
// *notes.FormatError: of a system that is not known, or has no such CPU.
func (f *File) Status(a *arch.Arch) (Status, error) {
	list, _ := f.list()
	s, err := f.system(list)
	if err != nil {
		return Status{}, err
	}
	n, ok := s.status(a)
	if !ok {
		return Status{}, &notes.FormatError{Off: machineOff, Msg: fmt.Sprintf("threads of %s in a core of %s are not known", a.Name, s.name)}
	}
	return Status{s.name, s.owner, n.size, n.cursig, n.sigWidth, n.pid, n.regs, n.layout}, nil
}
