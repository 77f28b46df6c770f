package location

import "encoding/binary"

// operands of one operator: up to two numbers and a block.
type operands struct {
	op    byte
	a, b  uint64
	block []byte
}

// reader takes operands from an expression. A read past the end sets bad.
type reader struct {
	expr []byte
	off  int
	big  bool
	bad  bool
}

// operands reads what a row of the table of operators lists:
//
//	1 2 4 8      unsigned, of that many bytes
//	b h w d      signed, of 1, 2, 4 and 8 bytes
//	a            an address
//	r            an offset of .debug_info, see Scope.OffsetSize
//	u s          unsigned and signed LEB128
//	U C          a block; its length is LEB128, or one byte
func (r *reader) operands(op byte, list string, address, offset int) operands {
	x := operands{op: op}
	for i := range len(list) {
		var n uint64
		switch c := list[i]; c {
		case '1', '2', '4', '8':
			n = r.fixed(int(c - '0'))
		case 'b':
			n = uint64(int8(r.fixed(1)))
		case 'h':
			n = uint64(int16(r.fixed(2)))
		case 'w':
			n = uint64(int32(r.fixed(4)))
		case 'd':
			n = r.fixed(8)
		case 'a':
			n = r.fixed(address)
		case 'r':
			n = r.fixed(offset)
		case 'u':
			n = r.leb(false)
		case 's':
			n = r.leb(true)
		case 'U':
			x.block = r.take(r.leb(false))
		case 'C':
			x.block = r.take(r.fixed(1))
		}
		if i == 0 {
			x.a = n
		} else {
			x.b = n
		}
	}
	return x
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.expr)-r.off) {
		r.bad = true
		return nil
	}
	p := r.expr[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return p
}

// fixed reads an unsigned integer of 1 to 8 bytes.
func (r *reader) fixed(size int) uint64 { return number(r.take(uint64(size)), r.big) }

// number is an unsigned integer of up to 8 bytes.
func number(b []byte, big bool) (n uint64) {
	for i, x := range b {
		if big {
			n = n<<8 | uint64(x)
		} else {
			n |= uint64(x) << (8 * i)
		}
	}
	return n
}

// leb reads LEB128 (DWARF 5, 7.6). Assemblers may pad it; bits above 64 are
// dropped.
func (r *reader) leb(signed bool) (n uint64) {
	for shift := uint(0); r.off < len(r.expr); shift += 7 {
		x := r.expr[r.off]
		r.off++
		n |= uint64(x&0x7f) << shift
		if x < 0x80 {
			if shift += 7; signed && x&0x40 != 0 && shift < 64 {
				n |= ^uint64(0) << shift
			}
			return n
		}
	}
	r.bad = true
	return 0
}

// isBig tells the byte order.
func isBig(o binary.ByteOrder) bool { return o == binary.BigEndian }
