package location

// operator is a row of the table. The machine checks what the columns say
// before it runs one.
type operator struct {
	name     string
	operands string // see reader.operands
	pops     int    // entries the stack must have
	run      func(*machine, operands) error
	scope    bool   // needs a Scope: not in call frame information
	closes   bool   // may follow the description of a place
	refuse   string // why it is not supported
}

// Codes of operators that code refers to.
const (
	opDeref      = 0x06
	opAbs        = 0x19
	opAnd        = 0x1a
	opDiv        = 0x1b
	opMinus      = 0x1c
	opMod        = 0x1d
	opMul        = 0x1e
	opNeg        = 0x1f
	opNot        = 0x20
	opOr         = 0x21
	opPlus       = 0x22
	opXor        = 0x27
	opEq         = 0x29
	opGe         = 0x2a
	opGt         = 0x2b
	opLe         = 0x2c
	opLt         = 0x2d
	opNe         = 0x2e
	opLit0       = 0x30
	opReg0       = 0x50
	opBreg0      = 0x70
	opRegx       = 0x90
	opDerefSize  = 0x94
	opStackValue = 0x9f
	opRegval     = 0xa5
	opConvert    = 0xa8
	opGNURegval  = 0xf5
	opGNUConvert = 0xf7
)

// fold gives operators whose code holds a number the code of number 0.
func fold(code byte) (first, n byte) {
	for _, first := range [...]byte{opLit0, opReg0, opBreg0} {
		if code >= first && code < first+32 {
			return first, code - first
		}
	}
	return code, 0
}

// Why operators are refused.
const (
	spaces = "address spaces are not supported"
	tls    = "thread-local storage cannot be located in a dump"
	vendor = "not supported"
)

// operators: DWARF 5, table 7.9; the GNU forms as in GCC's dwarf2.def, the
// others as in LLVM's Dwarf.def. Vendors' codes overlap: 0xe0 is GNU's, as no
// compiler of HP is left.
var operators = [256]operator{
	0x03:         {name: "DW_OP_addr", operands: "a", run: address},
	opDeref:      {name: "DW_OP_deref", pops: 1, run: deref},
	0x08:         {name: "DW_OP_const1u", operands: "1", run: constant},
	0x09:         {name: "DW_OP_const1s", operands: "b", run: constant},
	0x0a:         {name: "DW_OP_const2u", operands: "2", run: constant},
	0x0b:         {name: "DW_OP_const2s", operands: "h", run: constant},
	0x0c:         {name: "DW_OP_const4u", operands: "4", run: constant},
	0x0d:         {name: "DW_OP_const4s", operands: "w", run: constant},
	0x0e:         {name: "DW_OP_const8u", operands: "8", run: constant},
	0x0f:         {name: "DW_OP_const8s", operands: "d", run: constant},
	0x10:         {name: "DW_OP_constu", operands: "u", run: constant},
	0x11:         {name: "DW_OP_consts", operands: "s", run: constant},
	0x12:         {name: "DW_OP_dup", pops: 1, run: dup},
	0x13:         {name: "DW_OP_drop", pops: 1, run: drop},
	0x14:         {name: "DW_OP_over", pops: 2, run: over},
	0x15:         {name: "DW_OP_pick", operands: "1", run: pick},
	0x16:         {name: "DW_OP_swap", pops: 2, run: swap},
	0x17:         {name: "DW_OP_rot", pops: 3, run: rot},
	0x18:         {name: "DW_OP_xderef", refuse: spaces},
	opAbs:        {name: "DW_OP_abs", pops: 1, run: unary},
	opAnd:        {name: "DW_OP_and", pops: 2, run: calculate},
	opDiv:        {name: "DW_OP_div", pops: 2, run: calculate},
	opMinus:      {name: "DW_OP_minus", pops: 2, run: calculate},
	opMod:        {name: "DW_OP_mod", pops: 2, run: calculate},
	opMul:        {name: "DW_OP_mul", pops: 2, run: calculate},
	opNeg:        {name: "DW_OP_neg", pops: 1, run: unary},
	opNot:        {name: "DW_OP_not", pops: 1, run: unary},
	opOr:         {name: "DW_OP_or", pops: 2, run: calculate},
	opPlus:       {name: "DW_OP_plus", pops: 2, run: calculate},
	0x23:         {name: "DW_OP_plus_uconst", operands: "u", pops: 1, run: plusConstant},
	0x24:         {name: "DW_OP_shl", pops: 2, run: shiftLeft},
	0x25:         {name: "DW_OP_shr", pops: 2, run: shiftRight},
	0x26:         {name: "DW_OP_shra", pops: 2, run: shiftSigned},
	opXor:        {name: "DW_OP_xor", pops: 2, run: calculate},
	0x28:         {name: "DW_OP_bra", operands: "h", pops: 1, run: bra},
	opEq:         {name: "DW_OP_eq", pops: 2, run: compare},
	opGe:         {name: "DW_OP_ge", pops: 2, run: compare},
	opGt:         {name: "DW_OP_gt", pops: 2, run: compare},
	opLe:         {name: "DW_OP_le", pops: 2, run: compare},
	opLt:         {name: "DW_OP_lt", pops: 2, run: compare},
	opNe:         {name: "DW_OP_ne", pops: 2, run: compare},
	0x2f:         {name: "DW_OP_skip", operands: "h", run: skip},
	opLit0:       {name: "DW_OP_lit0", run: literal},
	opReg0:       {name: "DW_OP_reg0", run: register},
	opBreg0:      {name: "DW_OP_breg0", operands: "s", run: based},
	opRegx:       {name: "DW_OP_regx", operands: "u", run: registerX},
	0x91:         {name: "DW_OP_fbreg", operands: "s", run: frameBased, scope: true},
	0x92:         {name: "DW_OP_bregx", operands: "us", run: basedX},
	0x93:         {name: "DW_OP_piece", operands: "u", run: piece, closes: true},
	opDerefSize:  {name: "DW_OP_deref_size", operands: "1", pops: 1, run: derefSize},
	0x95:         {name: "DW_OP_xderef_size", refuse: spaces},
	0x96:         {name: "DW_OP_nop", run: nop, closes: true},
	0x97:         {name: "DW_OP_push_object_address", run: object, scope: true},
	0x98:         {name: "DW_OP_call2", operands: "2", run: call, scope: true},
	0x99:         {name: "DW_OP_call4", operands: "4", run: call, scope: true},
	0x9a:         {name: "DW_OP_call_ref", operands: "r", run: callRef, scope: true},
	0x9b:         {name: "DW_OP_form_tls_address", refuse: tls},
	0x9c:         {name: "DW_OP_call_frame_cfa", run: cfa, scope: true},
	0x9d:         {name: "DW_OP_bit_piece", operands: "uu", run: bitPiece, closes: true},
	0x9e:         {name: "DW_OP_implicit_value", operands: "U", run: implicitValue},
	opStackValue: {name: "DW_OP_stack_value", pops: 1, run: stackValue},
	0xa0:         {name: "DW_OP_implicit_pointer", operands: "rs", run: implicitPointer, scope: true},
	0xa1:         {name: "DW_OP_addrx", operands: "u", run: addressIndex, scope: true},
	0xa2:         {name: "DW_OP_constx", operands: "u", run: constantIndex, scope: true},
	0xa3:         {name: "DW_OP_entry_value", operands: "U", run: entryValue, scope: true},
	0xa4:         {name: "DW_OP_const_type", operands: "uC", run: constType, scope: true},
	opRegval:     {name: "DW_OP_regval_type", operands: "uu", run: regvalType, scope: true},
	0xa6:         {name: "DW_OP_deref_type", operands: "1u", pops: 1, run: derefType, scope: true},
	0xa7:         {name: "DW_OP_xderef_type", refuse: spaces},
	opConvert:    {name: "DW_OP_convert", operands: "u", pops: 1, run: convert, scope: true},
	0xa9:         {name: "DW_OP_reinterpret", operands: "u", pops: 1, run: reinterpret, scope: true},

	0xe0:         {name: "DW_OP_GNU_push_tls_address", refuse: tls},
	0xe9:         {name: "DW_OP_LLVM_user", refuse: vendor},
	0xed:         {name: "DW_OP_WASM_location", refuse: vendor},
	0xee:         {name: "DW_OP_WASM_location_int", refuse: vendor},
	0xf0:         {name: "DW_OP_GNU_uninit", run: uninit, closes: true},
	0xf1:         {name: "DW_OP_GNU_encoded_addr", refuse: vendor},
	0xf2:         {name: "DW_OP_GNU_implicit_pointer", operands: "rs", run: implicitPointer, scope: true},
	0xf3:         {name: "DW_OP_GNU_entry_value", operands: "U", run: entryValue, scope: true},
	0xf4:         {name: "DW_OP_GNU_const_type", operands: "uC", run: constType, scope: true},
	opGNURegval:  {name: "DW_OP_GNU_regval_type", operands: "uu", run: regvalType, scope: true},
	0xf6:         {name: "DW_OP_GNU_deref_type", operands: "1u", pops: 1, run: derefType, scope: true},
	opGNUConvert: {name: "DW_OP_GNU_convert", operands: "u", pops: 1, run: convert, scope: true},
	0xf8:         {name: "DW_OP_PGI_omp_thread_num", refuse: vendor},
	0xf9:         {name: "DW_OP_GNU_reinterpret", operands: "u", pops: 1, run: reinterpret, scope: true},
	0xfa:         {name: "DW_OP_GNU_parameter_ref", operands: "4", run: parameterRef, scope: true},
	0xfb:         {name: "DW_OP_GNU_addr_index", operands: "u", run: addressIndex, scope: true},
	0xfc:         {name: "DW_OP_GNU_const_index", operands: "u", run: constantIndex, scope: true},
	0xfd:         {name: "DW_OP_GNU_variable_value", refuse: vendor},
}
