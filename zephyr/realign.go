package zephyr

import "corelift/elfcore"

// realign finds out where in a memory region lines were lost, from words that
// tell their own address: an empty Zephyr list head holds two pointers to
// itself, and RAM is full of them (wait queues, timeouts, join queues). What
// stands before an anchor that is in place is in place too, and what stands
// behind an anchor that is off by all lost lines is off by as much.
//
// Folklore: the two words may be something else that points a multiple of 32
// bytes further: the read and write pointers of a queue whose buffer lies
// there, or a node of a one-element list, whose two pointers are to the list's
// head. So one anchor alone proves nothing, the outermost on each side is not
// relied on, and what is proven is recovered, never known. Test: TestRealign.
func realign(chunks []chunk, start uint64, ptr, lost int) []chunk {
	if start == 0 || ptr == 0 {
		return chunks
	}
	inPlace, last := 0, 0 // ends of the last two anchors that are in place
	behind, seen := -1, 0 // the second anchor that is off by all lost lines
	for _, c := range chunks {
		if c.state != elfcore.Suspect {
			continue
		}
		for p := 0; p+2*ptr <= len(c.data); p += ptr {
			off, ok := anchor(c, p, start, ptr)
			switch {
			case !ok:
			case off == 0 && !pairsWith(c, p, -lost*lineBytes, start+uint64(lost*lineBytes), ptr):
				inPlace, last = last, c.off+p+2*ptr
			case off == lost*lineBytes && !pairsWith(c, p, off, start, ptr):
				if seen++; seen == 2 {
					behind = c.off + p
				}
			}
		}
	}
	if behind >= 0 && behind < inPlace {
		return chunks // they contradict one another
	}
	var out []chunk
	for _, c := range chunks {
		if c.state != elfcore.Suspect {
			out = append(out, c)
			continue
		}
		a, b := min(max(0, inPlace-c.off), len(c.data)), len(c.data)
		if behind >= 0 {
			b = min(max(a, behind-c.off), b)
		}
		for _, part := range []chunk{
			{c.off, c.data[:a], elfcore.Recovered},
			{c.off + a, c.data[a:b], elfcore.Suspect},
			{c.off + b + lost*lineBytes, c.data[b:], elfcore.Recovered},
		} {
			if len(part.data) > 0 {
				out = append(out, part)
			}
		}
	}
	return out
}

// anchor tells how many bytes further the two equal words at p of a chunk say
// that they are.
func anchor(c chunk, p int, start uint64, ptr int) (off int, ok bool) {
	v := word(c.data[p:], ptr)
	if v == 0 || v != word(c.data[p+ptr:], ptr) {
		return 0, false
	}
	further := v - (start + uint64(c.off+p))
	return int(further), further <= maxLost
}

// pairsWith tells whether what stands by bytes further on in the chunk points
// back to p, as a list's head and its only node do. start is the region's
// address if both stand where they are taken to be.
func pairsWith(c chunk, p, by int, start uint64, ptr int) bool {
	q := p + by
	return by != 0 && q >= 0 && q+ptr <= len(c.data) && word(c.data[q:], ptr) == start+uint64(c.off+p)
}
