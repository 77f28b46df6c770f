package firmware

import "slices"

// armAttributes is what .ARM.attributes says of the CPU a program is for.
type armAttributes struct {
	present  bool
	mProfile bool
	fpu      bool
}

// Tags of "Addenda to, and Errata in, the ABI for the Arm Architecture", 3.3.
const (
	tagFile           = 1
	tagCPURawName     = 4
	tagCPUName        = 5
	tagCPUArch        = 6
	tagCPUArchProfile = 7
	tagFPArch         = 10
	tagCompatibility  = 32
)

// mArchs are the values of Tag_CPU_arch that only M-profile CPUs have: v6-M,
// v6S-M, v7E-M, v8-M.baseline, v8-M.mainline, v8.1-M.mainline. v7 (10) is
// shared by A, R and M and needs the profile.
var mArchs = []uint64{11, 12, 13, 16, 17, 21}

// parseARMAttributes reads the file-wide attributes of vendor "aeabi". Layout:
// 'A', then per vendor a 4-byte length (itself included) and a name, then per
// scope a tag, a 4-byte length (tag included) and pairs of tag and value.
func parseARMAttributes(b []byte) (a armAttributes) {
	c := cursor{b: b}
	if c.uint(1) != 'A' {
		return a
	}
	for c.more() {
		size := c.uint(4)
		if size < 4 {
			return a
		}
		vendor := cursor{b: c.take(size - 4)}
		if vendor.str() != "aeabi" {
			continue
		}
		for vendor.more() {
			start := vendor.off
			scope, size := vendor.uleb(), vendor.uint(4)
			head := uint64(vendor.off - start)
			if size < head {
				return a
			}
			if body := vendor.take(size - head); scope == tagFile {
				a.read(cursor{b: body})
			}
		}
	}
	return a
}

func (a *armAttributes) read(c cursor) {
	for c.more() {
		tag := c.uleb()
		if tag == tagCompatibility {
			c.uleb()
		}
		// Of the tags beyond 32 the odd ones have strings.
		if tag == tagCPURawName || tag == tagCPUName || tag == tagCompatibility || tag > 32 && tag%2 == 1 {
			c.str()
			continue
		}
		value := c.uleb()
		if c.bad {
			return
		}
		switch tag {
		case tagCPUArch:
			a.present = true
			a.mProfile = a.mProfile || slices.Contains(mArchs, value)
		case tagCPUArchProfile:
			a.mProfile = a.mProfile || value == 'M'
		case tagFPArch:
			a.fpu = value != 0
		}
	}
}
