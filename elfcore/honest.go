package elfcore

// GDB reads memory that is absent from a core out of the ELF's sections, so a
// variable in .data shows its initial value without a word. With a NT_FILE
// note that maps at least one existing file it does not (Linux OS ABI only;
// docs/debuggers.md). The one mapping written is a byte of the null device at
// arch.Absent, where no supported chip has memory.
const hidingName = "/dev/null"

// hidingFile makes the NT_FILE descriptor: count, page size, then start, end
// and offset in pages of each mapping, then the names.
func (c *Core) hidingFile() []byte {
	e := c.encoder()
	for _, v := range []uint64{1, 1, c.Arch.Absent, c.Arch.Absent + 1, 0} {
		e.addr(v)
	}
	return append(e.out, hidingName+"\x00"...)
}
