package firmware

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

// looks tells by their first bytes what people hand over in place of an ELF.
var looks = []struct{ magic, what string }{
	{"\x1f\x8b", "gzip data; unpack it first"},
	{"PK\x03\x04", "a ZIP archive; unpack it first"},
	{"\xfd7zXZ\x00", "xz data; unpack it first"},
	{"(\xb5/\xfd", "zstd data; unpack it first"},
	{"!<arch>\n", "a static library; give the linked program"},
	{"MZ", "a Windows program"},
	{"\xcf\xfa\xed\xfe", "a Mach-O file"},
	{"UF2\n", "a UF2 image, which has no symbols; give the ELF it was made from"},
	{":", "Intel HEX, which has no symbols; give the ELF it was made from"},
	{"S0", "S-records, which have no symbols; give the ELF they were made from"},
	{"ZE", "a Zephyr core dump, not the program that crashed"},
}

// notELF says what a file is that does not begin as an ELF does.
func notELF(head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("the file is empty")
	}
	for _, l := range looks {
		if bytes.HasPrefix(head, []byte(l.magic)) {
			return fmt.Errorf("not an ELF file; looks like %s", l.what)
		}
	}
	return fmt.Errorf("not an ELF file (begins %x); give the linked program with its symbols, such as zephyr.elf", head[:min(4, len(head))])
}

// notPrograms says what the ELF types are that are not programs at fixed
// addresses.
var notPrograms = [...]string{
	elf.ET_NONE: "an ELF file of no type, not a program",
	elf.ET_REL:  "an object file; give the linked program",
	elf.ET_DYN:  "a shared library or position-independent program; give one linked at fixed addresses",
	elf.ET_CORE: "a core dump, not the program that crashed",
}

func wrongType(t elf.Type) error {
	if int(t) < len(notPrograms) {
		return errors.New(notPrograms[t])
	}
	return fmt.Errorf("an ELF file of type %v, not a program", t)
}
