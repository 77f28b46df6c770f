package firmware

import (
	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// Debug is the debug information of the program, or of its separate debug file.
func (m *Image) Debug() *debuginfo.Data { return m.info() }

func (m *Image) openDebug() *debuginfo.Data {
	d := debuginfo.New(m.debugContents, m.Order, m.Arch.PtrSize(), m.live)
	d.Move(m.Bias)
	return d
}

// live tells whether code that the debug information describes, a function or
// the functions of a section one after another, is in the program: see find for
// what linkers leave behind of those that are not.
func (m *Image) live(start, end uint64) bool {
	a := elfcore.Addr(start & m.Arch.CodeMask)
	if end <= start || !m.Executable(a) {
		return false
	}
	if !m.inDeadZone(a) {
		return true
	}
	symbols := m.symbols()
	if !symbols.complete {
		return true
	}
	_, first, ok := symbols.at(a, functionSymbol)
	if !ok || first.Addr != a {
		return false
	}
	// A sequence of lines covers several functions and may end with padding.
	_, last, inside := symbols.at(elfcore.Addr(end)-1, functionSymbol)
	return !inside || uint64(last.End()) <= end
}
