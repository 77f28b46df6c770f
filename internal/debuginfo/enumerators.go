package debuginfo

import (
	"debug/dwarf"
	"slices"
)

// Enumerator finds a constant of an enum by its qualified name or the end of it,
// in any unit, but first in one if it is not nil: two files may give one name
// two values.
func (d *Data) Enumerator(name string, first *Unit) (t *Type, value int64, ok bool) {
	plain := last(name)
	units := d.Naming(plain)
	if slices.Contains(units, first) {
		units = append([]*Unit{first}, units...)
	}
	for _, u := range units {
		u.Root().eachBelow(func(e Entry, _ int) bool {
			if ok || e.Tag != dwarf.TagEnumerationType {
				return !ok && e.abbrev.role != roleSkip
			}
			for c := range e.Children() {
				if c.Tag != dwarf.TagEnumerator || !c.Named(dwarf.AttrName, plain) {
					continue
				}
				for _, x := range e.Type().Enumerators() {
					if means(name, x.Name) {
						t, value, ok = e.Type(), x.Value, true
						return false
					}
				}
			}
			return false
		})
		if ok {
			return t, value, ok
		}
	}
	return nil, 0, false
}
