package debuginfo

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Lines is a unit's table of source lines.
type Lines struct {
	unit       *Unit
	headerOnce lazy[*lineHeader]
	rowsOnce   lazy[[]row]
}

// Line is a place in the source.
type Line struct {
	// File is the name as GDB prints it; relative to the directory of the
	// compilation, Unit.Dir.
	File         string
	Line, Column int    // from 1; column 0 if not known
	Addr         uint64 // of the row's first instruction
	Stmt         bool   // there is a good place for a breakpoint on the line
}

// row says which line the code from addr up to the next row belongs to.
type row struct {
	addr   uint64
	line   uint32
	file   uint32
	column uint16
	stmt   bool // a good place for a breakpoint
	end    bool // the first address after a sequence
}

// Lines is the unit's table of lines; it may be empty.
func (u *Unit) Lines() *Lines { return &u.lines }

func (l *Lines) header() *lineHeader { return l.headerOnce.get(l.unit.readLineHeader) }

func (l *Lines) rows() []row { return l.rowsOnce.get(l.readRows) }

// File is the name of the file that DW_AT_decl_file or DW_AT_call_file gives the
// index of, as in Line; empty if there is none.
func (l *Lines) File(index int) string {
	h := l.header()
	if h == nil {
		return ""
	}
	return h.path(l.unit, index)
}

// At is the line that the code at an address belongs to.
//
// Of several rows for one address it takes the one that GDB 13 does: the last,
// but if that is not a good place for a breakpoint, the last which is.
func (l *Lines) At(pc uint64) (Line, bool) {
	rows := l.rows()
	i, _ := slices.BinarySearchFunc(rows, pc, func(r row, pc uint64) int {
		if r.addr <= pc {
			return -1
		}
		return 1
	})
	i--
	if i < 0 || rows[i].end {
		return Line{}, false
	}
	best := rows[i]
	for ; i >= 0 && rows[i].addr == best.addr && !rows[i].end; i-- {
		if rows[i].stmt {
			best = rows[i]
			break
		}
	}
	return Line{l.File(int(best.file)), int(best.line), int(best.column), best.addr, best.stmt}, true
}

// Standard and extended opcodes (DWARF 5, 7.22).
const (
	lnsCopy = 1 + iota
	lnsAdvancePC
	lnsAdvanceLine
	lnsSetFile
	lnsSetColumn
	lnsNegateStmt
	lnsSetBasicBlock
	lnsConstAddPC
	lnsFixedAdvancePC

	lneEndSequence   = 1
	lneSetAddress    = 2
	lneDiscriminator = 4
)

// readRows runs the line number program and keeps the rows that GDB 13 keeps,
// sorted by address.
func (l *Lines) readRows() []row {
	h := l.header()
	if h == nil {
		return nil
	}
	// Compilers need about 3 bytes for a row.
	m := lineMachine{lineHeader: h, cursor: h.program, rows: make([]row, 0, (len(h.program.b)-h.program.off)/3)}
	m.run(l.unit)
	rows := m.rows[:m.start] // a sequence without an end is damaged
	order := func(a, b row) int {
		if a.addr == b.addr && a.end != b.end {
			if a.end {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.addr, b.addr)
	}
	if !slices.IsSortedFunc(rows, order) {
		slices.SortStableFunc(rows, order)
	}
	return rows
}

// lineMachine is the state machine of a line number program (DWARF 5, 6.2.2).
type lineMachine struct {
	*lineHeader
	cursor
	row                  // to be emitted next
	opIndex       uint64 // within an instruction, on VLIW machines
	discriminator uint64 // of the next row

	rows   []row
	start  int    // of the current sequence in rows
	last   row    // the last that was kept
	at     uint64 // address of the last row that was emitted
	stmtAt bool   // one there is a good place for a breakpoint
	seen   bool   // a discriminator since the line changed
}

// run executes the program (DWARF 5, 6.2.5).
func (m *lineMachine) run(u *Unit) {
	reset := row{line: 1, file: 1, stmt: m.isStmt}
	m.row = reset
	for m.off < len(m.b) && !m.bad {
		op := m.b[m.off]
		m.off++
		if op >= m.opcodeBase { // special
			op -= m.opcodeBase
			m.advance(uint64(op / m.lineRange))
			m.advanceLine(int64(m.lineBase) + int64(op%m.lineRange))
			m.emit()
			continue
		}
		switch op {
		case 0:
			x := cursor{b: m.take(m.uleb()), big: m.big}
			switch x.uint(1) {
			case lneEndSequence:
				m.end, m.opIndex = true, 0
				m.emit()
				m.endSequence(u)
				m.row = reset
			case lneSetAddress:
				m.addr, m.opIndex = u.Loaded(x.uint(min(8, len(x.b)-x.off))), 0
			case lneDiscriminator:
				m.discriminator = x.uleb()
				m.seen = m.seen || m.discriminator != 0
			}
		case lnsCopy:
			m.emit()
		case lnsAdvancePC:
			m.advance(m.uleb())
		case lnsAdvanceLine:
			m.advanceLine(m.sleb())
		case lnsSetFile:
			m.row.file = uint32(min(m.uleb(), maxFiles))
		case lnsSetColumn:
			m.column = uint16(min(m.uleb(), 1<<16-1))
		case lnsNegateStmt:
			m.stmt = !m.stmt
		case lnsConstAddPC:
			m.advance(uint64((255 - m.opcodeBase) / m.lineRange))
		case lnsFixedAdvancePC:
			m.addr, m.opIndex = m.addr+m.uint(2), 0
		default:
			for range m.operands[op-1] {
				m.uleb()
			}
		}
	}
}

// advance moves on by operations.
func (m *lineMachine) advance(n uint64) {
	if m.maxOps > 1 {
		n += m.opIndex
		n, m.opIndex = n/m.maxOps, n%m.maxOps
	}
	m.addr += n * m.minLength
}

func (m *lineMachine) advanceLine(delta int64) {
	if delta != 0 {
		m.seen = m.discriminator != 0
		m.line += uint32(delta)
	}
}

// emit adds a row to the current sequence, or not, as GDB 13 does in
// lnp_state_machine::record_line and buildsym_compunit::record_line:
//
//   - One within an instruction is left out.
//   - So is line 0, code of no line; the row before lasts.
//   - So is one more row of a line that has discriminators.
//   - Where the file changes, and at the end, a row takes the place of those at
//     its address; but one that is no statement doesn't replace one of another
//     file that is.
func (m *lineMachine) emit() {
	m.discriminator = 0
	if m.opIndex != 0 {
		return
	}
	first := len(m.rows) == m.start
	changed := !first && !m.same(m.row.file, m.last.file)
	if m.addr != m.at {
		m.at, m.stmtAt = m.addr, false
	}
	skip := m.line == 0 || changed && !m.stmt && m.stmtAt || !first && !changed && m.line == m.last.line && m.seen
	m.stmtAt = m.stmtAt || m.stmt
	if skip && !m.end {
		return
	}
	for (m.end || changed) && len(m.rows) > m.start && m.rows[len(m.rows)-1].addr == m.addr {
		m.rows = m.rows[:len(m.rows)-1]
	}
	m.rows = append(m.rows, m.row)
	m.last = m.row
}

// endSequence drops the sequence if its code is not in the program.
func (m *lineMachine) endSequence(u *Unit) {
	sequence := m.rows[m.start:]
	low, high := sequence[0].addr, m.last.addr
	if high <= low || u.dead(low) || !u.d.live(low, high) {
		m.rows = m.rows[:m.start]
	}
	m.start, m.at, m.stmtAt, m.seen = len(m.rows), 0, false, false
}

// maxNames bounds the names of files that are listed, in bytes: damaged tables
// may give one long name many times.
const maxNames = 64 << 20

// Files lists the source files that code comes from or names are declared in,
// as in Line, sorted.
func (d *Data) Files() []string {
	var files []string
	size := 0
	for l, h := range d.lineTables() {
		for i := range h.files {
			name := h.path(l.unit, i+h.firstFile)
			if size += len(name); size > maxNames {
				break
			}
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// lineTables yields each table once; type units share those of others.
func (d *Data) lineTables() iter.Seq2[*Lines, *lineHeader] {
	return func(yield func(*Lines, *lineHeader) bool) {
		seen := map[uint64]bool{}
		for _, u := range d.Units() {
			off, ok := u.lineOffset()
			if u.kind == unitType || !ok || seen[off] {
				continue
			}
			seen[off] = true
			if h := u.lines.header(); h != nil && !yield(&u.lines, h) {
				return
			}
		}
	}
}

// LinePCs are the addresses at which the code of a line starts, sorted. file is
// a name or the end of one: "main.c" stands for "src/main.c", too.
func (d *Data) LinePCs(file string, line int) []uint64 {
	var pcs []uint64
	for l, h := range d.lineTables() {
		wanted := map[uint32]bool{}
		for i := range h.files {
			index := i + h.firstFile
			if name := h.path(l.unit, index); name == file || strings.HasSuffix(name, "/"+file) {
				wanted[uint32(index)] = true
			}
		}
		if len(wanted) == 0 {
			continue
		}
		for _, r := range l.rows() {
			if !r.end && r.stmt && int(r.line) == line && wanted[r.file] {
				pcs = append(pcs, r.addr)
			}
		}
	}
	slices.Sort(pcs)
	return slices.Compact(pcs)
}
