package inspect

import (
	"fmt"
	"slices"

	"corelift/elfcore"
)

// Symbol tells what lies at an address (hexadecimal with 0x, or decimal), or
// what a name stands for.
func (s *Session) Symbol(query string) (*Symbols, error) {
	if s.program == nil {
		return nil, fmt.Errorf("no firmware; give it with -e FILE")
	}
	out := &Symbols{Document: s.document(SymbolSchema), Query: query, Symbols: []SymbolRow{}}
	if at, ok := parseAddr(query); ok {
		row := s.symbolRow(at & elfcore.Addr(s.core.Arch.AddrMask()))
		if row.Name == "" && row.Section == "" {
			return nil, fmt.Errorf("no symbol and no section of the firmware at %v", row.Address)
		}
		out.Symbols = append(out.Symbols, row)
		return out, nil
	}
	for _, r := range s.named(query) {
		row := s.symbolRow(r.Addr)
		row.Address, row.Offset, row.Size = r.Addr, 0, r.Size
		if s.program.ReadConst(make([]byte, 1), r.Addr) != nil && r.Size > 0 {
			in := len(s.core.Memory.Missing(r)) == 0
			row.InDump = &in
		}
		out.Symbols = append(out.Symbols, row)
	}
	if len(out.Symbols) == 0 {
		return nil, fmt.Errorf("no symbol %s", query)
	}
	return out, nil
}

// named finds the ranges that a name stands for: of symbols, and of functions
// and variables by the names of their source.
func (s *Session) named(name string) (list []elfcore.Range) {
	add := func(r elfcore.Range) {
		if !slices.ContainsFunc(list, func(have elfcore.Range) bool { return have.Addr == r.Addr }) {
			list = append(list, r)
		}
	}
	if r, ok := s.program.Symbol(name); ok {
		add(r)
	}
	frame := s.outside()
	for _, d := range s.datas() {
		for _, f := range d.Functions(name) {
			if len(f.Ranges) > 0 {
				add(elfcore.Range{Addr: elfcore.Addr(f.Ranges[0][0]), Size: f.Ranges[0][1] - f.Ranges[0][0]})
			}
		}
		for _, v := range d.Globals(name) {
			if at, _, ok := frame.global(v).address(); ok {
				add(elfcore.Range{Addr: at, Size: uint64(max(v.Type().Size(), 0))})
			}
		}
	}
	return list
}

// symbolRow tells what lies at an address.
func (s *Session) symbolRow(at elfcore.Addr) SymbolRow {
	row := SymbolRow{Address: at}
	code := at & elfcore.Addr(s.core.Arch.CodeMask)
	if name, start, ok := s.program.SymbolAt(at); ok {
		row.Name, row.Offset = name, uint64(at-start)
	} else if name, start, ok := s.program.SymbolAt(code); ok {
		row.Name, row.Offset, row.Address = name, uint64(code-start), code
	}
	if plain := demangled(row.Name); plain != row.Name {
		row.Plain = plain
	}
	row.Section, row.Image = s.program.SectionAt(at)
	_, u := s.debug(code)
	if u == nil {
		return row
	}
	if l, ok := u.Lines().At(uint64(code)); ok {
		row.File, row.Line = l.File, l.Line
	}
	if f, ok := u.Function(uint64(code)); ok {
		scopes := f.Inlines(uint64(code))
		file, line := row.File, row.Line
		for i := len(scopes) - 1; i >= 0 && len(scopes) > 1; i-- {
			row.Inlines = append(row.Inlines, Inline{scopes[i].Name, file, line})
			file, line = scopes[i].CallFile, scopes[i].CallLine
		}
	}
	return row
}

// Functions, Globals, Types and Files name what the program has, for completion
// and lists.
func (s *Session) Functions() (names []string) {
	for _, d := range s.datas() {
		for f := range d.AllFunctions() {
			names = append(names, f.Name)
		}
	}
	return sorted(names)
}

// Globals names the variables that exist once.
func (s *Session) Globals() (names []string) {
	for _, d := range s.datas() {
		for v := range d.AllGlobals() {
			names = append(names, v.Name)
		}
	}
	return sorted(names)
}

// Files names the source files.
func (s *Session) Files() (names []string) {
	for _, d := range s.datas() {
		names = append(names, d.Files()...)
	}
	return sorted(names)
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
