package zephyr

import "corelift/elfcore"

// realign finds out where in a memory region lines were lost, from words that
// tell their own address: an empty Zephyr list head holds two pointers to
// itself, and RAM is full of them (wait queues, timeouts, join queues). What
// stands before an anchor that is in place is in place too, and what stands
// behind an anchor that is off by all lost lines is off by as much. Anchors
// that contradict each other prove nothing.
//
// Folklore: a node of a one-element list holds two pointers to its head, which
// looks like an anchor when the head lies a multiple of 32 bytes behind it; so
// what is proven this way is recovered, never known, and a prefix or suffix
// must be free of contradicting anchors. Test: TestRealign.
func realign(chunks []chunk, start uint64, ptr, lost int) []chunk {
	if start == 0 || ptr == 0 || len(chunks) == 0 || chunks[0].off != 0 || chunks[0].state != elfcore.Suspect {
		return chunks
	}
	data := chunks[0].data
	first := -1 // where the first anchor stands that is off by all lost lines
	inPlace := 0
	for p := 0; p+2*ptr <= len(data); p += ptr {
		v := word(data[p:], ptr)
		if v == 0 || v != word(data[p+ptr:], ptr) {
			continue
		}
		off := v - (start + uint64(p))
		if off > uint64(lost*lineBytes) || off%lineBytes != 0 {
			continue
		}
		switch int(off) / lineBytes {
		case 0:
			if first >= 0 {
				return chunks // a later anchor in place contradicts
			}
			inPlace = p + 2*ptr
		case lost:
			if first < 0 {
				first = p
			}
		default: // some of the lost lines stood before, some behind
			if first >= 0 {
				return chunks
			}
		}
	}
	var out []chunk
	if inPlace > 0 {
		out = append(out, chunk{0, data[:inPlace], elfcore.Recovered})
	}
	end := len(data)
	if first >= 0 {
		end = first
	}
	if inPlace < end {
		out = append(out, chunk{inPlace, data[inPlace:end], elfcore.Suspect})
	}
	if first >= 0 {
		out = append(out, chunk{first + lost*lineBytes, data[first:], elfcore.Recovered})
	}
	return append(out, chunks[1:]...)
}
