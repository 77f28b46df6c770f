package firmware

import (
	"debug/elf"
	"encoding/binary"

	"corelift/elfcore"
	"corelift/elfcore/arch"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// delveEntry is a frame description entry in Delve's form.
type delveEntry struct {
	fde  *fde
	rows *frame.FrameDescriptionEntry
}

// Fields of the plain .debug_frame that Delve is given.
const (
	plainID      = 0xffffffff
	plainVersion = 3
	plainAddress = 8 // bytes
)

// toDelve writes one entry as a section of its own, in the plainest form there
// is, and has Delve parse it. One at a time: Delve gives up on a whole section
// at the first entry that it can't read, and misreads version 4 without an
// error. See cfi_normal.go for the instructions.
func toDelve(a *arch.Arch, d *fde) (e *delveEntry, err error) {
	defer recovered(&err)
	program, err := normalise(a, d)
	if err != nil {
		return nil, err
	}
	order := binary.LittleEndian
	common := []byte{plainVersion, 0}
	common = binary.AppendUvarint(common, d.cie.code)
	common = appendSleb(common, d.cie.data)
	common = binary.AppendUvarint(common, d.cie.ret)
	section := order.AppendUint32(nil, uint32(4+len(common)))
	section = order.AppendUint32(section, plainID)
	section = append(section, common...)
	section = order.AppendUint32(section, uint32(4+2*plainAddress+len(program)))
	section = order.AppendUint32(section, 0) // offset of the common entry
	section = order.AppendUint64(section, uint64(d.Addr))
	section = order.AppendUint64(section, d.Size)
	section = append(section, program...)
	entries, err := frame.Parse(section, order, 0, plainAddress, 0)
	if err != nil {
		return nil, err
	}
	return &delveEntry{d, entries[0]}, nil
}

// row is the call frame information at pc, or what stands in for it.
func (t *frameTable) row(pc elfcore.Addr) (Row, bool) {
	if row, ok := t.described(pc); ok {
		return row, true
	}
	return t.exidx.row(pc)
}

// described is the row of .debug_frame or .eh_frame at pc.
func (t *frameTable) described(pc elfcore.Addr) (Row, bool) {
	i, ok := t.find(pc)
	if !ok {
		return Row{}, false
	}
	t.mu.Lock()
	e, seen := t.ready[i]
	if !seen {
		e, _ = toDelve(t.arch, &t.list[i])
		t.ready[i] = e
	}
	t.mu.Unlock()
	if e == nil {
		return Row{}, false
	}
	row, err := e.row(t.arch, pc)
	return row, err == nil && row.CFA.Kind != RuleUndefined
}

func (e *delveEntry) row(a *arch.Arch, pc elfcore.Addr) (row Row, err error) {
	defer recovered(&err)
	context, err := e.rows.EstablishFrame(uint64(pc))
	if err != nil {
		return row, err
	}
	row = Row{
		CFA:      fromDelve(a, context.CFA),
		Regs:     make(map[arch.Reg]Rule, len(context.Regs)),
		Signal:   e.fde.cie.signal,
		Function: e.fde.Range,
	}
	if row.CFA.Kind == RuleExpression {
		row.CFA.Kind = RuleValue // the CFA's expression gives it, not where it is
	}
	row.Return, _ = e.fde.cie.register(a, context.RetAddrReg)
	for n, rule := range context.Regs {
		if r, ok := e.fde.cie.register(a, n); ok && !(rule.Rule == frame.RuleRegister && rule.Reg == unspecified) {
			row.Regs[r] = fromDelve(a, rule)
		}
	}
	return row, nil
}

// ruleKinds are Delve's kinds of rules.
var ruleKinds = [...]RuleKind{
	frame.RuleSameVal:       RuleSame,
	frame.RuleOffset:        RuleOffset,
	frame.RuleValOffset:     RuleValOffset,
	frame.RuleRegister:      RuleRegister,
	frame.RuleCFA:           RuleRegister,
	frame.RuleExpression:    RuleExpression,
	frame.RuleValExpression: RuleValue,
}

func fromDelve(a *arch.Arch, r frame.DWRule) Rule {
	rule := Rule{Kind: RuleUndefined, Reg: arch.NoReg, Offset: r.Offset, Expr: r.Expression}
	if int(r.Rule) < len(ruleKinds) {
		rule.Kind = ruleKinds[r.Rule]
	}
	if rule.Kind == RuleRegister {
		var known bool
		if rule.Reg, known = byDWARF(a, r.Reg); !known {
			rule.Kind = RuleUndefined
		}
	}
	return rule
}

// Old DWARF numbers of ARM's single and new ones of its double registers
// ("DWARF for the Arm Architecture", 4.1).
const (
	armSingle0 = 64
	armDouble0 = 256
)

// register finds the register of a column in a table.
//
// Folklore: the interrupted pc of a trap frame has a column of its own, as the
// link register was live too: 64 on RISC-V ("alternate frame return column"),
// 33 on AArch64 (ELR_mode). Hand-written handlers name it as their return
// column, so one that is no register stands for the pc. Test: TestTrapFrame.
func (c *cie) register(a *arch.Arch, n uint64) (arch.Reg, bool) {
	if r, ok := byDWARF(a, n); ok {
		return r, true
	}
	return a.PC, n == c.ret
}

// byDWARF finds the register of a DWARF number.
//
// Folklore: GCC still uses the obsolete numbers of ARM's VFP registers, so a
// pushed d8 is described as s16 and s17. The even half stands for the double
// here, the odd one is left out. Test: TestRowsAgainstReadelf, cortex-m4-o2.
func byDWARF(a *arch.Arch, n uint64) (arch.Reg, bool) {
	if a.Machine == elf.EM_ARM && n >= armSingle0 && n < armSingle0+32 {
		if n%2 != 0 {
			return arch.NoReg, false
		}
		n = armDouble0 + (n-armSingle0)/2
	}
	r, ok := a.ByDWARF(int(n))
	if !ok {
		return arch.NoReg, false
	}
	return r, true
}
