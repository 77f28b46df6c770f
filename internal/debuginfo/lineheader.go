package debuginfo

import (
	"bytes"
	"debug/dwarf"
	"strings"
)

// lineHeader is the header of a line number program (DWARF 5, 6.2.4).
type lineHeader struct {
	minLength  uint64 // bytes that addresses advance by
	maxOps     uint64 // operations per instruction, 1 but on VLIW machines
	isStmt     bool   // initially
	lineBase   int8
	lineRange  uint8
	opcodeBase uint8  // the first special opcode
	operands   []byte // how many LEB128 operands each standard opcode from 1 on has
	dirs       [][]byte
	files      []lineFile
	firstFile  int // the index of files[0]: 1 before DWARF 5
	program    cursor
}

// lineFile is a source file; dir is an index into the directories.
type lineFile struct {
	name []byte
	dir  uint64
}

// maxFiles bounds indexes of files.
const maxFiles = 1 << 20

// lineOffset is where the unit's table is in .debug_line.
func (u *Unit) lineOffset() (uint64, bool) {
	v, ok := u.Root().value(dwarf.AttrStmtList)
	return v.n, ok && (v.class() == classSection || v.class() == classConstant)
}

// readLineHeader reads the header of a unit's table. It is nil if the unit has
// none, or it is damaged.
//
// debug/dwarf would do, but it allocates as many files as the header claims,
// and cleans paths ("a/../b"), which GDB shows as they are.
func (u *Unit) readLineHeader() *lineHeader {
	off, ok := u.lineOffset()
	if !ok {
		return nil
	}
	c := u.d.at(secLine, off)
	end, offSize := c.length()
	version := c.uint(2)
	if c.bad || version < 2 || version > 5 {
		return nil
	}
	h := &lineHeader{maxOps: 1, firstFile: 1}
	c.b = c.b[:end]
	if version >= 5 {
		h.firstFile = 0
		c.uint(2) // sizes of an address and of a segment selector
	}
	skip := c.uint(offSize)
	if skip > uint64(len(c.b)-c.off) {
		return nil
	}
	h.program = cursor{b: c.b, off: c.off + int(skip), big: c.big}
	h.minLength = c.uint(1)
	if version >= 4 {
		h.maxOps = max(1, c.uint(1))
	}
	h.isStmt = c.uint(1) != 0
	h.lineBase = int8(c.uint(1))
	h.lineRange = uint8(c.uint(1))
	h.opcodeBase = uint8(c.uint(1))
	if h.opcodeBase > 0 {
		h.operands = c.take(uint64(h.opcodeBase - 1))
	}
	if c.bad || h.lineRange == 0 {
		return nil
	}
	c.b = c.b[:h.program.off]
	if version >= 5 {
		for _, dir := range u.lineEntries(&c, offSize) {
			h.dirs = append(h.dirs, dir.name)
		}
		h.files = u.lineEntries(&c, offSize)
		return h
	}
	h.dirs = append(h.dirs, nil) // the directory of the compilation
	for dir := c.str(); len(dir) > 0; dir = c.str() {
		h.dirs = append(h.dirs, dir)
	}
	for f, ok := c.file(); ok; f, ok = c.file() {
		h.files = append(h.files, f)
	}
	return h
}

// file reads a file as before DWARF 5.
func (c *cursor) file() (f lineFile, ok bool) {
	if f.name = c.str(); len(f.name) == 0 {
		return f, false
	}
	f.dir = c.uleb()
	c.uleb() // time
	c.uleb() // size
	return f, !c.bad
}

// What an entry of DWARF 5's tables of directories and files has.
const (
	lnctPath = 1
	lnctDir  = 2
)

// lineEntries reads a table of directories or files of DWARF 5.
func (u *Unit) lineEntries(c *cursor, offSize int) (entries []lineFile) {
	s := shape{addrSize: u.shape.addrSize, offSize: uint8(offSize), refSize: uint8(offSize)}
	type column struct {
		content uint64
		form    form
	}
	var columns []column
	for range c.uint(1) {
		columns = append(columns, column{c.uleb(), toForm(c.uleb())})
	}
	for n := c.uleb(); n > 0; n-- {
		var f lineFile
		start := c.off
		for _, x := range columns {
			switch v := s.value(c, x.form, s.size(x.form)); x.content {
			case lnctPath:
				f.name = u.text(v)
			case lnctDir:
				f.dir = v.n
			}
		}
		if c.bad || c.off == start { // damaged, or of no bytes and any number
			return entries
		}
		entries = append(entries, f)
	}
	return entries
}

// path is the name of a file, empty if there is none of that index.
//
// As GDB has it: with its directory, but the one of the compilation only in
// DWARF 5, where that is in the table; and the unit's main file as the compiler
// was given it.
func (h *lineHeader) path(u *Unit, index int) string {
	if index -= h.firstFile; index < 0 || index >= len(h.files) {
		return ""
	}
	f := h.files[index]
	name := string(f.name)
	if !absolute(name) && f.dir < uint64(len(h.dirs)) {
		name = joinPath(string(h.dirs[f.dir]), name)
	}
	main, dir := u.Name(), u.Dir()
	if joinPath(dir, name) == joinPath(dir, main) {
		return main
	}
	return name
}

// same tells whether two indexes are of the same file. Clang lists the main
// file twice in DWARF 5, and uses both.
func (h *lineHeader) same(a, b uint32) bool {
	if a == b {
		return true
	}
	i, j := int(a)-h.firstFile, int(b)-h.firstFile
	if min(i, j) < 0 || max(i, j) >= len(h.files) {
		return false
	}
	return h.files[i].dir == h.files[j].dir && bytes.Equal(h.files[i].name, h.files[j].name)
}

// joinPath puts a directory before a relative name.
func joinPath(dir, name string) string {
	if dir == "" || name == "" || absolute(name) {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// absolute tells whether a path is one, on Unix or Windows: the compiler's
// system, not ours.
func absolute(p string) bool {
	return len(p) > 0 && (p[0] == '/' || p[0] == '\\') || len(p) > 2 && p[1] == ':' && (p[2] == '/' || p[2] == '\\')
}
