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
	return Line{l.File(int(best.file)), int(best.line), int(best.column), best.addr}, true
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

// readRows runs the line number program (DWARF 5, 6.2.5) and keeps the rows
// that GDB 13 keeps, sorted by address.
func (l *Lines) readRows() []row {
	h := l.header()
	if h == nil {
		return nil
	}
	// Compilers need about 3 bytes for a row.
	t := lineTable{header: h, rows: make([]row, 0, (len(h.program.b)-h.program.off)/3)}
	var opIndex uint64
	c := h.program
	reset := row{line: 1, file: 1, stmt: h.isStmt}
	r := reset
	discriminator := func(n uint64) {
		t.seen = t.seen || n != 0
		t.discriminator = n
	}
	line := func(delta int64) {
		if delta != 0 {
			t.seen = t.discriminator != 0
		}
		r.line += uint32(delta)
	}
	advance := func(n uint64) {
		if h.maxOps > 1 {
			n += opIndex
			n, opIndex = n/h.maxOps, n%h.maxOps
		}
		r.addr += n * h.minLength
	}
	emit := func() {
		if opIndex == 0 { // else within an instruction
			t.add(r)
		}
		t.discriminator = 0
	}
	for c.off < len(c.b) && !c.bad {
		op := c.uint(1)
		if op >= h.opcodeBase { // special
			op -= h.opcodeBase
			advance(op / h.lineRange)
			line(h.lineBase + int64(op%h.lineRange))
			emit()
			continue
		}
		switch op {
		case 0:
			n := c.uleb()
			x := cursor{b: c.take(n), big: c.big}
			switch x.uint(1) {
			case lneEndSequence:
				r.end = true
				t.add(r)
				t.endSequence(l.unit)
				r, opIndex = reset, 0
			case lneSetAddress:
				r.addr, opIndex = x.uint(min(8, len(x.b)-x.off)), 0
			case lneDiscriminator:
				discriminator(x.uleb())
			}
		case lnsCopy:
			emit()
		case lnsAdvancePC:
			advance(c.uleb())
		case lnsAdvanceLine:
			line(c.sleb())
		case lnsSetFile:
			r.file = uint32(min(c.uleb(), maxFiles))
		case lnsSetColumn:
			r.column = uint16(min(c.uleb(), 1<<16-1))
		case lnsNegateStmt:
			r.stmt = !r.stmt
		case lnsConstAddPC:
			advance((255 - h.opcodeBase) / h.lineRange)
		case lnsFixedAdvancePC:
			r.addr, opIndex = r.addr+c.uint(2), 0
		default:
			for range h.operands[op-1] {
				c.uleb()
			}
		}
	}
	t.rows = t.rows[:t.start] // a sequence without an end is damaged
	order := func(a, b row) int {
		if a.addr == b.addr && a.end != b.end {
			if a.end {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.addr, b.addr)
	}
	if !slices.IsSortedFunc(t.rows, order) {
		slices.SortStableFunc(t.rows, order)
	}
	return t.rows
}

// lineTable collects rows.
type lineTable struct {
	header        *lineHeader
	rows          []row
	start         int    // of the current sequence
	last          row    // the last that was kept
	addr          uint64 // of the last row
	stmtAt        bool   // a row at addr is a good place for a breakpoint
	discriminator uint64 // of the next row
	seen          bool   // a discriminator since the line changed
}

// add adds a row of the current sequence, or not, as GDB 13 does in
// lnp_state_machine::record_line and buildsym_compunit::record_line:
//
//   - Line 0, code of no line, is left out, so that the row before lasts.
//   - So is one more row of a line that has discriminators.
//   - Where the file changes, and at the end, a row takes the place of those at
//     its address; but one that is no statement doesn't replace one of another
//     file that is.
func (t *lineTable) add(r row) {
	first := len(t.rows) == t.start
	changed := !first && !t.header.same(r.file, t.last.file)
	if r.addr != t.addr {
		t.addr, t.stmtAt = r.addr, false
	}
	switch {
	case r.end:
	case r.line == 0, changed && !r.stmt && t.stmtAt, !first && !changed && r.line == t.last.line && t.seen:
		t.stmtAt = t.stmtAt || r.stmt
		return
	}
	for (r.end || changed) && len(t.rows) > t.start && t.rows[len(t.rows)-1].addr == r.addr {
		t.rows = t.rows[:len(t.rows)-1]
	}
	t.rows = append(t.rows, r)
	t.last = r
	t.stmtAt = t.stmtAt || r.stmt
}

// endSequence drops the sequence if its code is not in the program.
func (t *lineTable) endSequence(u *Unit) {
	sequence := t.rows[t.start:]
	low, high := sequence[0].addr, sequence[len(sequence)-1].addr
	if high <= low || u.dead(low) || !u.d.live(low, high) {
		t.rows = t.rows[:t.start]
	}
	*t = lineTable{header: t.header, rows: t.rows, start: len(t.rows)}
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
