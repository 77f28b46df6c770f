package debuginfo

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
)

// Err says why there is no debug information, or only a part of it, and what to
// do next. It is nil if all of it can be read.
func (d *Data) Err() error {
	errs := slices.Clone(d.units.get(d.readUnits).errs)
	if len(d.Units()) == 0 && len(errs) == 0 {
		return errNone
	}
	if name := d.splitUnit(); name != "" {
		errs = append(errs, fmt.Errorf("the debug information is in separate files (%s); build without -gsplit-dwarf", name))
	}
	if name := d.alternate(); name != "" {
		errs = append(errs, fmt.Errorf("a part of the debug information is in %s (dwz -m), which is not supported; use the file from before dwz", name))
	}
	return errors.Join(errs...)
}

var errNone = errors.New("no debug information (.debug_info); build with -g, and don't strip the ELF file")

// splitUnit names the file that a unit's entries are in instead; empty if there
// is no such unit (DWARF 5, 3.1.2; GNU's -gsplit-dwarf for version 4).
func (d *Data) splitUnit() string {
	gnu := len(d.bytes(secAddr)) > 0 // in version 4 only split units need it
	for _, u := range d.Units() {
		if u.kind != unitSkeleton && !(gnu && u.Version < 5) {
			continue
		}
		for _, a := range []dwarf.Attr{dwarf.AttrDwoName, attrGNUDwoName} {
			if name := u.Root().Str(a); name != "" {
				return name
			}
		}
		if u.kind == unitSkeleton {
			return ".dwo"
		}
	}
	return ""
}

// alternateSections name another file with more debug information: GNU's, and
// DWARF 5's (7.3.6).
var alternateSections = []struct {
	name string
	skip int // bytes before the file's name
}{{".gnu_debugaltlink", 0}, {".debug_sup", 3}}

func (d *Data) alternate() string {
	for _, s := range alternateSections {
		if b, err := d.section(s.name); err == nil && len(b) > s.skip {
			c := cursor{b: b, off: s.skip}
			return string(c.str())
		}
	}
	return ""
}
