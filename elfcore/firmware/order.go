package firmware

// sortKey orders one of many things that lie in memory: by address, of one
// address by rank.
type sortKey struct {
	addr  uint64
	rank  uint8
	index uint32 // of the thing
}

// digit is a byte of the key, from the last.
func (k *sortKey) digit(n int) uint8 {
	if n == 0 {
		return k.rank
	}
	return uint8(k.addr >> (8 * (n - 1)))
}

const digits = 9

// inOrder sorts keys; equal ones stay as they are. keys is used up. It is a
// radix sort: the 20,000 symbols of a large program take 0.8 ms, and 8 ms by
// slices.SortStableFunc, half of what a short command takes in all.
func inOrder(keys []sortKey) []sortKey {
	var differ sortKey // bits in which some keys differ
	for i := range keys {
		differ.addr |= keys[i].addr ^ keys[0].addr
		differ.rank |= keys[i].rank ^ keys[0].rank
	}
	spare := make([]sortKey, len(keys))
	for n := range digits {
		if differ.digit(n) == 0 {
			continue
		}
		var at [256]uint32 // where the next key with this digit goes
		for i := range keys {
			at[keys[i].digit(n)]++
		}
		next := uint32(0)
		for d, count := range at {
			at[d], next = next, next+count
		}
		for _, k := range keys {
			d := k.digit(n)
			spare[at[d]] = k
			at[d]++
		}
		keys, spare = spare, keys
	}
	return keys
}
