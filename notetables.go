package corelift

import (
	"slices"

	"corelift/elfcore"
	"corelift/notes"
)

// NoteTables are the codecs of all notes that corelift knows: those of Linux,
// FreeBSD and GDB, its own, and those of the formats.
func NoteTables() notes.Table {
	all := slices.Concat(notes.Core, notes.Linux, notes.FreeBSD, notes.GDB, notes.GNU, elfcore.Notes)
	for _, f := range formats {
		all = append(all, f.Notes...)
	}
	return all
}
