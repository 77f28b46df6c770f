package debuginfo

// form is how an attribute's value is encoded (DWARF 5, 7.5.6). GNU's and
// LLVM's own forms are renumbered from formVendor
// on, so that they index one table.
type form uint8

const (
	formAddr        form = 0x01
	formData4       form = 0x06
	formData8       form = 0x07
	formString      form = 0x08
	formSdata       form = 0x0d
	formStrp        form = 0x0e
	formRefAddr     form = 0x10
	formIndirect    form = 0x16
	formSecOffset   form = 0x17
	formFlagPresent form = 0x19
	formData16      form = 0x1e
	formLineStrp    form = 0x1f
	formRefSig8     form = 0x20
	formImplicit    form = 0x21 // DW_FORM_implicit_const: the value is in the abbreviation
	formLoclistx    form = 0x22
	formRnglistx    form = 0x23
)

// formVendor is the first code that the standard does not use.
const formVendor form = 0x2d

const (
	formGNUAddrIndex form = formVendor + iota
	formGNUStrIndex
	formGNURefAlt
	formGNUStrpAlt
)

// vendorForms are those beyond the standard's.
var vendorForms = map[uint64]form{
	0x1f01: formGNUAddrIndex,
	0x1f02: formGNUStrIndex,
	0x1f20: formGNURefAlt,
	0x1f21: formGNUStrpAlt,
}

// class is what a value means (DWARF 5, 7.5.5), as far as readers tell it apart.
type class uint8

const (
	classNone      class = iota
	classAddress         // an address
	classAddrIndex       // an index into .debug_addr
	classConstant        // a number
	classFlag            // 0 or not
	classBlock           // bytes: a block, an expression, 16 bytes of data
	classString          // bytes in place
	classStrp            // an offset into .debug_str
	classLineStrp        // an offset into .debug_line_str
	classStrIndex        // an index into .debug_str_offsets
	classLocal           // a reference, relative to the unit
	classGlobal          // a reference to .debug_info
	classSignature       // a reference to a type unit
	classSection         // an offset into another section
	classListIndex       // an index into a table of lists
	classElsewhere       // in another file
)

// coding is how many bytes a value takes: 0 to 16, or one of these.
type coding uint8

const (
	codeAddr     coding = 0x20 + iota // as many as an address
	codeOffset                        // as many as an offset in this unit
	codeRefAddr                       // the same, but those of an address in DWARF 2
	codeLEB                           // up to one below 0x80
	codeString                        // up to a NUL
	codeBlock1                        // a length of 1 byte and so many bytes
	codeBlock2                        // the same, 2 bytes
	codeBlock4                        // the same, 4 bytes
	codeBlockLEB                      // the same, LEB128
	codeIndirect                      // a form and its value
	codeUnknown
)

type formRow struct {
	class class
	code  coding
}

// formTable says for each form what and how long it is.
var formTable = [...]formRow{
	0x00:             {classNone, codeUnknown},
	formAddr:         {classAddress, codeAddr},
	0x02:             {classNone, codeUnknown},
	0x03:             {classBlock, codeBlock2},
	0x04:             {classBlock, codeBlock4},
	0x05:             {classConstant, 2},
	formData4:        {classConstant, 4},
	formData8:        {classConstant, 8},
	formString:       {classString, codeString},
	0x09:             {classBlock, codeBlockLEB},
	0x0a:             {classBlock, codeBlock1},
	0x0b:             {classConstant, 1},
	0x0c:             {classFlag, 1},
	formSdata:        {classConstant, codeLEB},
	formStrp:         {classStrp, codeOffset},
	0x0f:             {classConstant, codeLEB}, // udata
	formRefAddr:      {classGlobal, codeRefAddr},
	0x11:             {classLocal, 1},
	0x12:             {classLocal, 2},
	0x13:             {classLocal, 4},
	0x14:             {classLocal, 8},
	0x15:             {classLocal, codeLEB}, // ref_udata
	formIndirect:     {classNone, codeIndirect},
	formSecOffset:    {classSection, codeOffset},
	0x18:             {classBlock, codeBlockLEB}, // exprloc
	formFlagPresent:  {classFlag, 0},
	0x1a:             {classStrIndex, codeLEB},
	0x1b:             {classAddrIndex, codeLEB},
	0x1c:             {classElsewhere, 4},          // ref_sup4
	0x1d:             {classElsewhere, codeOffset}, // strp_sup
	formData16:       {classBlock, 16},
	formLineStrp:     {classLineStrp, codeOffset},
	formRefSig8:      {classSignature, 8},
	formImplicit:     {classConstant, 0},
	formLoclistx:     {classListIndex, codeLEB},
	formRnglistx:     {classListIndex, codeLEB},
	0x24:             {classElsewhere, 8}, // ref_sup8
	0x25:             {classStrIndex, 1},
	0x26:             {classStrIndex, 2},
	0x27:             {classStrIndex, 3},
	0x28:             {classStrIndex, 4},
	0x29:             {classAddrIndex, 1},
	0x2a:             {classAddrIndex, 2},
	0x2b:             {classAddrIndex, 3},
	0x2c:             {classAddrIndex, 4},
	formGNUAddrIndex: {classAddrIndex, codeLEB},
	formGNUStrIndex:  {classStrIndex, codeLEB},
	formGNURefAlt:    {classElsewhere, codeOffset},
	formGNUStrpAlt:   {classElsewhere, codeOffset},
}

// toForm is the form of a code in the file; 0, which has no size, if unknown.
func toForm(code uint64) form {
	if code < uint64(formVendor) {
		return form(code)
	}
	return vendorForms[code]
}

// shape is what the sizes of values depend on in a unit.
type shape struct {
	addrSize, offSize, refSize uint8 // bytes
}

// varies marks a value whose size only itself tells.
const varies = 0xff

// size is the size of a form's values in bytes, or varies.
func (s shape) size(f form) uint8 {
	switch code := formTable[f].code; code {
	case codeAddr:
		return s.addrSize
	case codeOffset:
		return s.offSize
	case codeRefAddr:
		return s.refSize
	default:
		if code < codeAddr {
			return uint8(code)
		}
		return varies
	}
}

// sizes are those of all forms.
func (s shape) sizes() (table [len(formTable)]uint8) {
	for f := range table {
		table[f] = s.size(form(f))
	}
	return table
}

// value is an attribute's value, not yet looked up in other sections.
type value struct {
	form form
	n    uint64 // number, offset, index or address; sign-extended if signed
	b    []byte // block or string in place
}

func (v value) class() class { return formTable[v.form].class }

// maxIndirect bounds forms that name forms.
const maxIndirect = 4

// value reads the value of a form whose size in bytes is given, or varies.
func (s shape) value(c *cursor, f form, size uint8) value {
	for range maxIndirect {
		if f != formIndirect {
			break
		}
		f = toForm(c.uleb())
		size = s.size(f)
	}
	v := value{form: f}
	switch code := formTable[f].code; {
	case f == formImplicit: // named in the value, where there is none
		c.bad = true
	case f == formSdata:
		v.n = uint64(c.sleb())
	case f == formFlagPresent:
		v.n = 1
	case f == formData16:
		v.b = c.take(16)
	case size != varies:
		v.n = c.uint(int(size))
	case code == codeLEB:
		v.n = c.uleb()
	case code == codeString:
		v.b = c.str()
	default:
		v.b = c.take(blockLength(c, code))
	}
	return v
}

// blockLength reads how many bytes follow.
func blockLength(c *cursor, code coding) uint64 {
	switch code {
	case codeBlock1:
		return c.uint(1)
	case codeBlock2:
		return c.uint(2)
	case codeBlock4:
		return c.uint(4)
	case codeBlockLEB:
		return c.uleb()
	}
	c.bad = true // an unknown form
	return 0
}

// skip passes over a value whose size varies.
func (s shape) skip(c *cursor, f form) {
	switch code := formTable[f].code; code {
	case codeLEB:
		for c.off < len(c.b) && c.b[c.off] >= 0x80 {
			c.off++
		}
		c.take(1)
	case codeString:
		c.str()
	case codeIndirect:
		s.value(c, f, varies)
	default:
		c.take(blockLength(c, code))
	}
}
